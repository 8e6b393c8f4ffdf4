// Every parser of the platform's JSON, on one input.
#include <cstdint>

#include "protocol/leqi.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taxgate;
  static const Bytes key(16, 7);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)leqi::read_reply(bytes, key);
  (void)leqi::open(bytes, key);
  (void)leqi::read_signature_value(bytes, bytes);
  (void)leqi::read_apply_reply(bytes);
  (void)leqi::read_confirm(bytes);
  (void)leqi::read_confirm_reply(bytes);
  (void)leqi::read_list(bytes);
  (void)leqi::read_detail(bytes);
  (void)leqi::read_upload_reply(bytes);
  (void)leqi::read_upload_result(bytes);
  (void)leqi::read_upload_result_reply(bytes);
  (void)leqi::read_invoice_status(bytes);
  (void)leqi::read_invoice_status_reply(bytes);
  (void)leqi::read_credit(bytes);
  (void)leqi::read_credit_reply(bytes);
  (void)leqi::read_table_json(bytes);
  // What was read must be written and read again as the same thing.
  if (auto red = leqi::read_apply(bytes)) {
    auto again = leqi::read_apply(leqi::apply_json(*red));
    if (again && !(again->lines.size() == red->lines.size() && again->amount == red->amount)) __builtin_trap();
  }
  if (auto detail = leqi::read_detail_reply(bytes); detail && detail->outcome.ok()) {
    auto again = leqi::read_detail_reply(leqi::detail_reply_json(*detail));
    if (again && again->form.state != detail->form.state) __builtin_trap();
  }
  (void)leqi::read_list_reply(bytes);
  (void)leqi::read_upload(bytes);
  return 0;
}
