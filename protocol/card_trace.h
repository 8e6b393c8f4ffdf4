#pragma once
// A trace of one card's traffic as text, line by line: what the recording transport writes and the simulator plays.
// Grammar, masking and a worked example: docs/card-trace.md. Pure.
//
// Security: secrets are masked when a line is made, before it exists as text: proofs, random numbers, keys, anything of
// an instruction that is not on the list of harmless ones. A certificate is not secret and names its taxpayer all the
// same.
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/error.h"
#include "protocol/sm.h"

namespace taxgate::card_trace {

inline constexpr std::string_view kFirstLine = "taxgate-card-trace 1";
/// A day of a busy key is some 20 MB; a reader need not take more.
inline constexpr std::size_t kMaxTrace = 64 * 1024 * 1024;

/// Bytes of which some are not known: `known[i]` tells whether `bytes[i]` is.
struct Masked {
  Bytes bytes;
  std::vector<bool> known;
  friend bool operator==(const Masked&, const Masked&) = default;
};
Masked mask_command(ByteView command);
/// `command`: the one that this answers.
Masked mask_response(ByteView command, ByteView response);
/// Same length, and equal where both are known.
bool fits(const Masked& pattern, ByteView bytes);

/// No answer: what the transport said instead. A command that is the last of its session without any answer hung:
/// outcome_unknown key.hung.
struct Silence {
  std::string errc, id;  // "outcome_unknown", "key.interrupted"
  friend bool operator==(const Silence&, const Silence&) = default;
};
struct Exchange {
  Masked command;
  std::uint32_t ms = 0;  // from command to answer
  std::variant<Masked, Silence> answer;
  friend bool operator==(const Exchange&, const Exchange&) = default;
};
/// A new session: the card was connected to, or taken up again after a reset, and knows nothing of before.
struct Session {
  friend bool operator==(const Session&, const Session&) = default;
};
using Entry = std::variant<Session, Exchange>;

// Whole lines. A recorder writes the command before it leaves: a worker that is killed over it cannot do so afterwards.
std::string command_text(const Masked& command);
std::string answer_text(std::uint32_t ms, const std::variant<Masked, Silence>& answer);
std::string to_text(const Entry& entry);
/// Total on hostile bytes. A last line without its end is a recording that was cut short: left out.
/// errors  corrupt trace.format (field = what, wanted = line), limit_reached trace.size
Result<std::vector<Entry>> read(std::string_view text);

}  // namespace taxgate::card_trace
