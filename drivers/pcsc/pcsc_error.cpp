#include "drivers/pcsc/pcsc_error.h"

#include <fmt/core.h>
#include <winscard.h>

#include <array>
#include <cstdint>

namespace taxgate::pcsc {
namespace {

struct Row {
  LONG code;
  std::string_view name;
  Errc before;
  std::string_view before_id;
  Errc transmit;
  std::string_view transmit_id;
};

using enum Errc;

// SCARD_E_NOT_TRANSACTED, the communication errors and the loss of pcscd come back after the command may have left, so
// in a transmit they mean "no answer". Removal, reset and unknown-reader codes are given before pcscd passes anything
// on.
constexpr std::array<Row, 18> kRows{{
    {SCARD_W_REMOVED_CARD, "SCARD_W_REMOVED_CARD", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_E_NO_SMARTCARD, "SCARD_E_NO_SMARTCARD", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_E_READER_UNAVAILABLE, "SCARD_E_READER_UNAVAILABLE", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_E_UNKNOWN_READER, "SCARD_E_UNKNOWN_READER", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_E_NO_READERS_AVAILABLE, "SCARD_E_NO_READERS_AVAILABLE", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_E_INVALID_HANDLE, "SCARD_E_INVALID_HANDLE", device_gone, "key.gone", device_gone, "key.gone"},
    {SCARD_W_UNPOWERED_CARD, "SCARD_W_UNPOWERED_CARD", device_gone, "key.mute", device_gone, "key.gone"},
    {SCARD_W_UNRESPONSIVE_CARD, "SCARD_W_UNRESPONSIVE_CARD", device_gone, "key.mute", device_gone, "key.gone"},
    {SCARD_E_PROTO_MISMATCH, "SCARD_E_PROTO_MISMATCH", device_gone, "key.mute", device_gone, "key.gone"},
    {SCARD_W_RESET_CARD, "SCARD_W_RESET_CARD", retry_later, "key.reset", retry_later, "key.reset"},
    {SCARD_E_SHARING_VIOLATION, "SCARD_E_SHARING_VIOLATION", retry_later, "key.reader_busy", retry_later,
     "key.reader_busy"},
    {SCARD_E_NO_SERVICE, "SCARD_E_NO_SERVICE", retry_later, "pcsc.no_service", outcome_unknown, "key.interrupted"},
    {SCARD_E_SERVICE_STOPPED, "SCARD_E_SERVICE_STOPPED", retry_later, "pcsc.no_service", outcome_unknown,
     "key.interrupted"},
    {SCARD_E_SERVER_TOO_BUSY, "SCARD_E_SERVER_TOO_BUSY", retry_later, "pcsc.no_service", outcome_unknown,
     "key.interrupted"},
    {SCARD_E_NOT_TRANSACTED, "SCARD_E_NOT_TRANSACTED", device_gone, "key.gone", outcome_unknown, "key.interrupted"},
    {SCARD_F_COMM_ERROR, "SCARD_F_COMM_ERROR", device_gone, "key.gone", outcome_unknown, "key.interrupted"},
    {SCARD_E_COMM_DATA_LOST, "SCARD_E_COMM_DATA_LOST", device_gone, "key.gone", outcome_unknown, "key.interrupted"},
    {SCARD_E_TIMEOUT, "SCARD_E_TIMEOUT", retry_later, "pcsc.no_service", outcome_unknown, "key.interrupted"},
}};

// LONG is 64 bits here and the constants are unsigned 32-bit values in disguise: compare the low half.
bool same(long a, LONG b) { return static_cast<std::uint32_t>(a) == static_cast<std::uint32_t>(b); }

const Row* row_of(long code) {
  for (const Row& row : kRows)
    if (same(code, row.code)) return &row;
  return nullptr;
}

}  // namespace

std::string_view code_name(long code) {
  const Row* row = row_of(code);
  return row ? row->name : "unlisted";
}

Error error_of(long code, Phase phase, std::string_view context) {
  const Row* row = row_of(code);
  std::string detail = fmt::format("{}: {} {:#010x}", context, code_name(code), static_cast<std::uint32_t>(code));
  // An unlisted code tells nothing about the card: while connecting nothing happened, in a transmit anything may have.
  Error error{phase == Phase::before ? retry_later : outcome_unknown,
              phase == Phase::before ? "pcsc.unlisted" : "key.interrupted",
              {},
              {},
              {},
              std::move(detail)};
  if (row) {
    error.code = phase == Phase::before ? row->before : row->transmit;
    error.id = phase == Phase::before ? row->before_id : row->transmit_id;
  }
  return error;
}

}  // namespace taxgate::pcsc
