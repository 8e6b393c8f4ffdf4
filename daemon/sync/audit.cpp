#include "daemon/sync/audit.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocol/sign_log_line.h"

namespace taxgate::sync {
namespace {

/// The first 16 hex digits; a digest of the log has 64.
std::uint64_t front_of(std::string_view hex) {
  std::uint64_t out = 0;
  hex = hex.substr(0, 16);
  std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

std::int64_t mark_of_chain(std::string_view chain) { return static_cast<std::int64_t>(front_of(chain) >> 1U); }

AuditGap broken(std::uint64_t number) {
  return {true, Error{Errc::corrupt, "audit.log_broken", {}, std::to_string(number), {}, {}}};
}

}  // namespace

void Audit::add(AuditGap gap) {
  ++gaps;
  if (gap.failing) ++failing;
  if (named.size() < kMaxGaps) named.push_back(std::move(gap));
}

void KeyLog::take(std::string_view lines, std::vector<KeySignature>& out, std::vector<AuditGap>& gaps) {
  while (!replaced_ && !lines.empty()) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos) return;
    const std::string_view text = lines.substr(0, end);
    const std::int64_t at = next_;
    const bool first = !begun_;
    const auto line = keyd::read_sign_log_line(text);
    if (first && from_.mark != 0) {
      // The line that was audited last: it stands here as it stood then, and is not judged again.
      if (!line || mark_of_chain(line->chain) != from_.mark) {
        replaced_ = true;
        return;
      }
      begun_ = true;
      chain_ = line->chain;
      last_number_ = line->order ? line->number : 0;
      last_ = {at, from_.mark};
      next_ += static_cast<std::int64_t>(end) + 1;
      lines.remove_prefix(end + 1);
      continue;
    }
    begun_ = true;
    next_ += static_cast<std::int64_t>(end) + 1;
    lines.remove_prefix(end + 1);
    if (!line) {
      gaps.push_back(broken(last_number_));
      unsure_ = true;  // what the next line follows on is not known
      continue;
    }
    if (!std::exchange(unsure_, false) &&
        line->chain != keyd::sign_log_chain(chain_, text.substr(0, text.size() - line->chain.size() - 1)))
      gaps.push_back(broken(line->number));
    chain_ = line->chain;
    const LogPlace before = last_;  // the line before is read again too: it proves the place
    last_ = {at, mark_of_chain(line->chain)};
    if (line->order) {
      ++orders_;
      last_number_ = line->number;
      digests_.push_back(front_of(line->message_sm3));
      open_[line->number] = {.number = line->number,
                             .key_serial = std::string(line->key_serial),
                             .taxpayer = std::string(line->taxpayer),
                             .request_id = std::string(line->request_id),
                             .message_sm3 = std::string(line->message_sm3),
                             .before = before};
      while (open_.begin()->first + kAbandoned < line->number) open_.erase(open_.begin());
      continue;
    }
    const auto order = open_.find(line->number);
    if (order == open_.end()) continue;  // its order was given up, or lies before a damaged line
    if (line->outcome == "signed") {
      ++signatures_;
      out.push_back(std::move(order->second));
    }
    open_.erase(order);
  }
}

void KeyLog::sort() { std::ranges::sort(digests_); }

bool KeyLog::ordered(std::string_view message_sm3) const {
  return std::ranges::binary_search(digests_, front_of(message_sm3));
}

LogPlace KeyLog::place() const { return open_.empty() ? last_ : open_.begin()->second.before; }

std::optional<AuditGap> judge(const KeySignature& s, const RequestKnown& known) {
  if (known.kept || known.open) return std::nullopt;
  return AuditGap{true, Error{Errc::corrupt, known.submission ? "audit.not_kept" : "audit.unknown_order", s.taxpayer,
                              std::to_string(s.number), s.request_id, s.key_serial}};
}

}  // namespace taxgate::sync
