#pragma once
// SM3 of many messages side by side, eight to a vector register. One message after another the digests of what
// acceptances vouch for cost a fifth of the writer's time; together a third of that. Same digests as protocol/sm.h,
// which is the slow and obvious twin in the tests, and the way taken on processors without AVX2. Private to this room;
// any thread. Source: GB/T 32905-2016.
#include <array>
#include <span>
#include <string_view>

#include "protocol/sm.h"

namespace taxgate::store {

/// One message in three parts (any may be empty) and where its digest goes.
struct Sm3Job {
  std::array<std::string_view, 3> parts;
  Digest* digest;
};
void sm3_batch(std::span<const Sm3Job> jobs);

}  // namespace taxgate::store
