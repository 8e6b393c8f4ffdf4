#include "drivers/gmt0017/status_error.h"

#include <fmt/core.h>

#include <array>
#include <string>

#include "protocol/gmt0017.h"

namespace taxgate::gmt0017 {
namespace {

struct Row {
  std::uint16_t status;
  Errc code;
  std::string_view id;
};

constexpr std::array<Row, 12> kRows{{
    {sw::pin_locked, Errc::rejected, "key.locked"},
    // No rights, conditions and reference are what a card says whose login or selection was lost behind our back.
    {sw::no_rights, Errc::retry_later, "key.reset"},
    {sw::conditions, Errc::retry_later, "key.reset"},
    {sw::no_random, Errc::retry_later, "key.reset"},
    {sw::no_reference, Errc::retry_later, "key.reset"},
    {sw::memory, Errc::device_gone, "key.card_failed"},
    {sw::no_app, Errc::rejected, "key.no_application"},
    {sw::no_file, Errc::rejected, "key.no_application"},
    {sw::no_container, Errc::rejected, "key.no_container"},
    {sw::no_such_container, Errc::rejected, "key.no_container"},
    {sw::no_key_pair, Errc::rejected, "key.no_key_pair"},
    {sw::no_certificate, Errc::rejected, "key.no_certificate"},
}};

}  // namespace

Error status_error(std::uint16_t status, std::string_view context) {
  std::string detail = fmt::format("{}: {:04x} {}", context, status, status_name(status));
  if (const auto tries = tries_left_of(status))
    return {Errc::rejected, "key.pin_wrong", {}, {}, std::to_string(*tries), std::move(detail)};
  for (const Row& row : kRows)
    if (row.status == status) return {row.code, std::string(row.id), {}, {}, {}, std::move(detail)};
  return {Errc::rejected, "key.card_refused", {}, fmt::format("{:04x}", status), {}, std::move(detail)};
}

bool is_disk_refusal(std::uint16_t status) {
  constexpr std::uint16_t kClock = 0xE105;
  return status >> 8 == 0xD1 || status == kClock;
}

Error disk_refused(std::uint16_t status, std::string_view context) {
  return {Errc::rejected, "key.disk_refused", {}, fmt::format("09{:04X}", status), {}, std::string(context)};
}

}  // namespace taxgate::gmt0017
