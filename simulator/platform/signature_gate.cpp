#include "simulator/platform/signature_gate.h"

#include "protocol/envelope.h"
#include "protocol/leqi.h"

namespace taxgate::simulator {

std::string purpose_of(std::string_view service, std::string_view json) {
  namespace s = leqi::service;
  if (service == s::apply) return "apply";
  if (service == s::upload) return "upload";
  if (service == s::table_upload || service == s::table_cancel) return "table";
  if (service != s::confirm) return {};
  const auto request = leqi::read_confirm(json);
  if (!request) return "confirm";
  switch (request->answer) {
    case leqi::Answer::agree:
      return "confirm";
    case leqi::Answer::refuse:
      return "deny";
    case leqi::Answer::revoke:
      return "revoke";
  }
  return "confirm";
}

std::string SignatureGate::refusal(std::string_view value, std::string_view service, std::string_view taxpayer,
                                   std::string_view json) const {
  const std::string purpose = purpose_of(service, json);
  if (!required_ || purpose.empty()) return {};
  if (value.empty()) return "签名验证失败:缺少签名";
  const auto envelope = leqi::read_signature_value(value, json);
  if (!envelope) return "签名验证失败:签名格式有误";
  if (!check_certificate_issuer(envelope->certificate, ca_)) return "签名验证失败:证书不是本平台认可的机构签发";
  const auto parts = read_envelope(envelope->bytes);  // its digest covers the body: the request as it arrived
  if (!parts) return "签名验证失败:签名原文与请求内容不一致";
  if (!verify_envelope(*envelope, taxpayer)) return "签名验证失败:签名或证书所属纳税人不符";
  if (parts->header.taxpayer != taxpayer || parts->header.purpose != purpose)
    return "签名验证失败:签名用途或纳税人不符";
  if (as_text(parts->body) != json) return "签名验证失败:签名原文与请求内容不一致";  // head and body cut elsewhere
  return {};
}

}  // namespace taxgate::simulator
