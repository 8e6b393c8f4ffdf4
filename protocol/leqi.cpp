// Transport envelope and code tables. The typed messages are in leqi_forms.cpp and leqi_invoices.cpp.
#include "protocol/leqi.h"

#include <array>

#include "protocol/leqi_json.h"
#include "protocol/text.h"

namespace taxgate::leqi {

std::string call_path(const Call& call, bool sandbox) {
  return std::string(sandbox ? "/access/sandbox/v2/invoke/" : "/access/v2/invoke/") + call.ability + "/" +
         call.service + "/";
}

Result<std::string> seal(std::string_view text, ByteView key16) {
  auto cipher = sm4_ecb_encrypt(key16, as_bytes(text));
  if (!cipher) return std::unexpected(std::move(cipher.error()));
  return base64(*cipher);
}

namespace {

/// Well-formed UTF-8 (RFC 3629): no overlong forms, surrogates or values past U+10FFFF.
bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t more = 0;
    std::uint32_t value = 0, smallest = 0;
    if (lead < 0x80) {
      ++i;
      continue;
    }
    if ((lead & 0xE0) == 0xC0) {
      more = 1, value = lead & 0x1F, smallest = 0x80;
    } else if ((lead & 0xF0) == 0xE0) {
      more = 2, value = lead & 0x0F, smallest = 0x800;
    } else if ((lead & 0xF8) == 0xF0) {
      more = 3, value = lead & 0x07, smallest = 0x10000;
    } else {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      value = (value << 6) | (next & 0x3F);
    }
    if (value < smallest || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
    i += more + 1;
  }
  return true;
}

constexpr std::string_view kOkStatus = "200";

std::string reply_text(json::object response) {
  json::object inner;
  inner["Response"] = std::move(response);
  json::object outer;
  put(outer, "httpStatusCode", kOkStatus);
  put(outer, "body", text_of(inner));
  return text_of(outer);
}

}  // namespace

Result<std::string> open(std::string_view body, ByteView key16) {
  if (key16.size() != 16) return fail(Errc::invalid_input, "sm4.key");
  auto cipher = from_base64(body);
  if (!cipher) return fail(Errc::corrupt, "leqi.base64");
  auto plain = sm4_ecb_decrypt(key16, *cipher);
  if (!plain) return fail(Errc::corrupt, "leqi.cipher", {}, {}, {}, plain.error().id);
  std::string text(as_text(*plain));
  if (!is_utf8(text)) return fail(Errc::corrupt, "leqi.utf8");
  return text;
}

Result<Reply> read_reply(std::string_view http_body, ByteView key16) {
  auto broken = [](std::string_view why) { return fail(Errc::corrupt, "leqi.envelope", {}, {}, {}, std::string(why)); };
  auto outer = parse_object(http_body);
  if (!outer) return broken(outer.error().detail);
  Fields fields(*outer, {});
  const std::string body = fields.need("body");
  if (fields.error()) return broken("body is missing or no text");
  auto inner = parse_object(body);
  if (!inner) return broken(inner.error().detail);
  const json::value* response = inner->if_contains("Response");
  if (response == nullptr || !response->is_object()) return broken("Response is missing");
  const json::object& answer = response->get_object();
  Reply reply;
  if (const json::value* error = answer.if_contains("Error"); error != nullptr && error->is_object()) {
    Fields parts(error->get_object(), "Response.Error.");
    reply.error_code = parts.need("Code");
    reply.error_message = parts.text("Message");
    if (parts.error()) return broken("Error without a code");
    return reply;
  }
  Fields parts(answer, "Response.");
  const std::string data = parts.need("Data");
  if (parts.error()) return broken("neither Data nor Error");
  auto plain = open(data, key16);
  if (!plain) return std::unexpected(std::move(plain.error()));
  reply.json = std::move(*plain);
  return reply;
}

Result<std::string> make_reply(std::string_view text, ByteView key16) {
  auto sealed = seal(text, key16);
  if (!sealed) return std::unexpected(std::move(sealed.error()));
  json::object response;
  put(response, "Data", *sealed);
  return reply_text(std::move(response));
}

std::string make_error_reply(std::string_view code, std::string_view message) {
  json::object error;
  put(error, "Code", code);
  put(error, "Message", message);
  json::object response;
  response["Error"] = std::move(error);
  return reply_text(std::move(response));
}

// ---- our signature ------------------------------------------------------------------------------------------------

std::string signature_value(const SignedEnvelope& envelope) {
  ByteView head = envelope.bytes;
  if (const auto parts = read_envelope(envelope.bytes)) head = head.first(head.size() - parts->body.size());
  json::object object;
  put(object, "envelope_head", base64(head));
  put(object, "signature", hex(envelope.signature));
  put(object, "certificate", base64(envelope.certificate));
  put(object, "signer_id", envelope.signer_id);
  return base64(as_bytes(text_of(object)));
}

Result<SignedEnvelope> read_signature_value(std::string_view value, std::string_view body) {
  auto broken = [](std::string_view field) { return fail(Errc::corrupt, "leqi.signature_value", std::string(field)); };
  auto text = from_base64(value);
  if (!text) return broken({});
  auto object = parse_object(as_text(*text));
  if (!object) return broken({});
  Fields fields(*object, {});
  auto bytes = from_base64(fields.need("envelope_head"));
  auto signature = from_hex(fields.need("signature"));
  auto certificate = from_base64(fields.need("certificate"));
  SignedEnvelope envelope;
  envelope.signer_id = fields.need("signer_id");
  if (fields.error()) return broken(fields.error()->field);
  if (!bytes) return broken("envelope_head");
  if (!signature || signature->size() != envelope.signature.size()) return broken("signature");
  if (!certificate) return broken("certificate");
  envelope.bytes = std::move(*bytes);
  envelope.bytes.insert(envelope.bytes.end(), body.begin(), body.end());
  envelope.certificate = std::move(*certificate);
  std::copy(signature->begin(), signature->end(), envelope.signature.begin());
  return envelope;
}

// ---- form states --------------------------------------------------------------------------------------------------

namespace {

// rules.md B.1, Leqi 基础版. The meaning of a code depends on the channel; this is Leqi's table. What may follow what
// is inferred: which of 08 and 09 a revoked 01 becomes is unknown, so both may.
constexpr std::array<FormState, 13> kFormStates{{
    {"01", FormClass::confirmed, "无需确认", "no confirmation needed", "08 09 issued"},
    {"02", FormClass::pending_buyer, "销方录入待购方确认", "entered by the seller, waiting for the buyer",
     "04 05 07 08 10 11 12 13"},
    {"03", FormClass::pending_seller, "购方录入待销方确认", "entered by the buyer, waiting for the seller",
     "04 06 07 08 10 11 13"},
    {"04", FormClass::confirmed, "购销双方已确认", "confirmed by both", "09 issued"},
    {"05", FormClass::void_, "作废(销方录入购方否认)", "void: the buyer refused", ""},
    {"06", FormClass::void_, "作废(购方录入销方否认)", "void: the seller refused", ""},
    {"07", FormClass::void_, "作废(超72小时未确认)", "void: not confirmed within 72 hours", ""},
    {"08", FormClass::void_, "作废(发起方已撤销)", "void: revoked by the initiator", ""},
    {"09", FormClass::void_, "作废(确认后撤销)", "void: revoked after confirmation", ""},
    {"10", FormClass::void_, "作废(异常凭证)", "void: irregular tax voucher", ""},
    {"11", FormClass::void_, "作废(纳税人状态异常阻断)", "void: blocked by a taxpayer's status", ""},
    {"12", FormClass::void_, "作废(自然人拒收)", "void: refused by a natural person", ""},
    {"13", FormClass::void_, "作废(已开具退税申请单)", "void: a tax refund application exists", ""},
}};

}  // namespace

std::span<const FormState> form_states() { return kFormStates; }

bool form_may_follow(std::string_view from, std::string_view to) {
  if (from.empty()) return has_word(kFirstFormStates, to);
  const FormState* state = form_state(from);
  return state != nullptr && has_word(state->next, to);
}

bool form_reaches(std::string_view from, std::string_view to) {
  if (from == to) return true;
  if (form_may_follow(from, to)) return true;
  // The table has no circle, so this ends; its longest path has three steps.
  for (const FormState& state : kFormStates)
    if (form_may_follow(from, state.code) && form_reaches(state.code, to)) return true;
  return false;
}

const FormState* form_state(std::string_view code) {
  for (const FormState& state : kFormStates)
    if (state.code == code) return &state;
  return nullptr;
}

FormClass form_class(std::string_view code) {
  const FormState* state = form_state(code);
  return state == nullptr ? FormClass::unknown : state->cls;
}

}  // namespace taxgate::leqi
