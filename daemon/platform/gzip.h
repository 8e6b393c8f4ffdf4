#pragma once
// Answers may come compressed (rules.md C). Total on hostile bytes, bounded.
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::platform {

inline bool looks_gzipped(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

/// One gzip member, at most `max` bytes of content. errors  corrupt platform.gzip
Result<std::string> gunzip(std::string_view bytes, std::size_t max);

}  // namespace taxgate::platform
