#pragma once
// The two things an xlsx needs of a ZIP archive (APPNOTE 6.3: stored and deflated members, no encryption, no ZIP64).
// Pure and total on any bytes. Private to cli/files.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taxgate::files {

/// The member's bytes; none when it is not there, damaged (CRC-32), encrypted, or larger than kMaxPart.
std::optional<std::string> unzip(std::string_view archive, std::string_view name);
/// Members in this order, deflated, dated 1980-01-01.
std::string zip(const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace taxgate::files
