// Every parser of the night's wire, on one input; what was read is written and read again as the same thing.
#include <cstdint>

#include "protocol/leqi_night.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taxgate;
  static const Bytes key(16, 7);
  static const wire::Sm4Decryptor decryptor(std::span<const std::uint8_t, 16>(key.data(), 16));
  static Bytes buffer;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Read in place and by the ordinary way, an answer says the same.
  const auto page = leqi::open_page(bytes, decryptor, buffer);
  if (const auto reply = leqi::read_reply(bytes, key); reply) {
    if (!page || page->error_code != reply->error_code || as_text(page->page) != reply->json) __builtin_trap();
  }
  if (const auto r = leqi::read_bulk_apply(bytes)) {
    const auto again = leqi::read_bulk_apply(leqi::bulk_apply_json(*r));
    if (again && again->form != r->form) __builtin_trap();
    (void)leqi::within_one_month(r->window);
  }
  if (const auto r = leqi::read_bulk_state_reply(bytes); r && r->outcome.ok()) {
    const auto again = leqi::read_bulk_state_reply(leqi::bulk_state_reply_json(*r));
    if (!again || again->state != r->state || again->total != r->total) __builtin_trap();
  }
  if (const auto r = leqi::read_changes(bytes)) {
    const auto again = leqi::read_changes(leqi::changes_json(*r));
    if (again && (again->cursor != r->cursor || again->limit != r->limit)) __builtin_trap();
  }
  if (const auto r = leqi::read_totals_reply(bytes); r && r->outcome.ok()) {
    const auto again = leqi::read_totals_reply(leqi::totals_reply_json(*r));
    if (!again || again->count != r->count || again->amount != r->amount) __builtin_trap();
  }
  if (const auto r = leqi::read_changes_head(as_bytes(bytes)); r && (r->next < r->first || r->first < 0))
    __builtin_trap();
  (void)leqi::read_bulk_apply_reply(bytes);
  (void)leqi::read_bulk_state(bytes);
  (void)leqi::read_package(bytes);
  (void)leqi::read_totals(bytes);
  return 0;
}
