#pragma once
// One line of the key host's own signing log, as both sides read it: the host that writes it and whoever audits it.
// Grammar and a worked example: docs/keyd.md, "Signing log". Pure; any thread. Views into the text that was read.
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/error.h"

namespace taxgate::keyd {

struct SignLogLine {
  std::uint64_t number = 0;  // of the order; a result carries its order's
  std::string_view at;       // RFC 3339
  bool order = false;        // otherwise a result
  std::string_view key_serial, taxpayer, purpose, request_id, message_sm3;  // of an order; message_sm3 in hex
  std::string_view outcome;                                                 // of a result: "signed" or an error id
  std::string_view chain;
};

/// `line` without its line end. errors  corrupt key.log_damaged
Result<SignLogLine> read_sign_log_line(std::string_view line);
/// The chain value of a line: hex SM3 over the chain value of the line before (empty before the first) and this line
/// up to the tab before its own.
std::string sign_log_chain(std::string_view previous, std::string_view line_without_chain);

}  // namespace taxgate::keyd
