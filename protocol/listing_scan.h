#pragma once
// End of a JSON object, strings and nesting respected, nothing else checked. The fast twin looks at 64 bytes at a time.
// Private to protocol/. Any thread.
#include <cstdint>

namespace taxgate::listing::detail {

/// from  at '{'. returns  one past its '}', or nullptr when it does not end before `end`
using ObjectEnd = const std::uint8_t* (*)(const std::uint8_t* from, const std::uint8_t* end);
const std::uint8_t* object_end_slow(const std::uint8_t* from, const std::uint8_t* end);
/// The best one for this processor.
ObjectEnd object_end_finder();

}  // namespace taxgate::listing::detail
