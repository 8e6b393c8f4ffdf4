#pragma once
// What must hold of the JSON reader on any bytes. Used by the fuzz target and, over its corpus, by an ordinary test.
#include <google/protobuf/util/message_differencer.h>

#include "protocol/api.pb.h"
#include "protocol/json_form.h"
#include "protocol/records.h"
#include "protocol/text.h"

namespace taxgate::test {

/// True when the bytes were accepted. Traps when a promise is broken.
inline bool check_json(std::string_view bytes) {
  api::v1::SubmissionRequest request, again;
  const auto read = from_json(bytes, request);
  if (!read) {
    if (read.error().id.empty() || !is_utf8(read.error().field) || !is_utf8(read.error().wanted)) __builtin_trap();
    return false;
  }
  // What was read is written and read again as the same thing.
  if (!from_json(to_json(request), again)) __builtin_trap();
  if (!google::protobuf::util::MessageDifferencer::Equals(request, again)) __builtin_trap();
  Findings findings;
  const Invoice invoice = read_record(request.blue(), "blue.", true, findings);
  for (const Error& e : findings)
    if (!e.field.starts_with("blue.") || !is_utf8(e.wanted)) __builtin_trap();
  if (findings.empty() && read_record(to_record(invoice), {}, true, findings) != invoice) __builtin_trap();
  return true;
}

}  // namespace taxgate::test
