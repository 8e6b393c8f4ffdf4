#include "simulator/platform/services.h"

#include <openssl/evp.h>

#include <array>

#include "simulator/platform/outcomes.h"

namespace taxgate::simulator {

namespace {

namespace s = leqi::service;

constexpr std::array<std::string_view, 11> kServices{s::apply,        s::confirm,        s::list,           s::detail,
                                                     s::upload,       s::upload_result,  s::invoice_status, s::credit,
                                                     s::table_upload, s::table_download, s::table_cancel};

std::string requester(const RedDocument& red) { return red.initiator == Side::buyer ? red.buyer.id : red.seller.id; }

std::string row_json(const table::Row& row) {
  const auto xml = table::upload_reply_xml(row);
  // Our own words are in GBK; a request number the client garbled might not be.
  return xml ? leqi::table_json(*xml) : leqi::table_json(*table::upload_reply_xml({{}, {}, row.status, {}, {}}));
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr);
  return hex(ByteView(digest.data(), length));
}

bool Services::known(std::string_view service) {
  for (const std::string_view name : kServices)
    if (name == service) return true;
  return false;
}

Services::Facts Services::facts(std::string_view service, std::string_view json) const {
  if (service == s::apply) {
    if (const auto r = leqi::read_apply(json)) return {requester(*r), r->blue_number};
  } else if (service == s::confirm) {
    if (const auto r = leqi::read_confirm(json)) return {r->taxpayer, world_.blue_of_form(r->uuid, r->number)};
  } else if (service == s::list) {
    if (const auto r = leqi::read_list(json)) return {r->taxpayer, r->blue_number};
  } else if (service == s::detail) {
    if (const auto r = leqi::read_detail(json)) return {r->taxpayer, world_.blue_of_form(r->uuid, r->number)};
  } else if (service == s::upload) {
    if (const auto r = leqi::read_upload(json)) return {r->red.seller.id, r->red.blue_number};
  } else if (service == s::upload_result) {
    if (const auto r = leqi::read_upload_result(json))
      return {r->taxpayer, world_.blue_of_upload(r->receipt, r->serial)};
  } else if (service == s::invoice_status) {
    if (const auto r = leqi::read_invoice_status(json)) return {r->taxpayer, r->number};
  } else if (service == s::credit) {
    if (const auto r = leqi::read_credit(json)) return {r->taxpayer, {}};
  } else if (const auto xml = leqi::read_table_json(json)) {
    if (service == s::table_upload) {
      if (const auto r = table::read_upload(*xml)) return {requester(*r), r->blue_number};
    } else if (service == s::table_download) {
      if (const auto r = table::read_download(*xml)) return {r->taxpayer, r->blue_number};
    } else if (service == s::table_cancel) {
      if (const auto r = table::read_cancel(*xml)) return {r->taxpayer, {}};
    }
  }
  return {};
}

std::string Services::handle(std::string_view service, std::string_view json, std::string_view signature,
                             RequestContext context) {
  if (gate_.required()) {
    if (std::string why = gate_.refusal(signature, service, facts(service, json).taxpayer, json); !why.empty()) {
      return refusal_json(service, why);
    }
  }
  context.service = service;
  context.request_sha256 = sha256_hex(json);
  return dispatch(service, json, context);
}

std::string Services::dispatch(std::string_view service, std::string_view json, const RequestContext& context) {
  const LegalTime now = context.now;
  if (service == s::apply) {
    const auto r = leqi::read_apply(json);
    return r ? leqi::apply_reply_json(world_.apply(*r, context)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::confirm) {
    const auto r = leqi::read_confirm(json);
    return r ? leqi::confirm_reply_json(world_.confirm(*r, context)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::list) {
    const auto r = leqi::read_list(json);
    return r ? leqi::list_reply_json(world_.list(*r, now)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::detail) {
    const auto r = leqi::read_detail(json);
    return r ? leqi::detail_reply_json(world_.detail(*r, now)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::upload) {
    const auto r = leqi::read_upload(json);
    return r ? leqi::upload_reply_json(world_.upload(*r, context)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::upload_result) {
    const auto r = leqi::read_upload_result(json);
    return r ? leqi::upload_result_reply_json(world_.upload_result(*r, now))
             : refusal_json(service, malformed(r.error()));
  }
  if (service == s::invoice_status) {
    const auto r = leqi::read_invoice_status(json);
    return r ? leqi::invoice_status_reply_json(world_.invoice_status(*r, now))
             : refusal_json(service, malformed(r.error()));
  }
  if (service == s::credit) {
    const auto r = leqi::read_credit(json);
    return r ? leqi::credit_reply_json(world_.credit(*r, now)) : refusal_json(service, malformed(r.error()));
  }
  const auto xml = leqi::read_table_json(json);
  if (!xml) return refusal_json(service, malformed(xml.error()));
  if (service == s::table_upload) {
    const auto r = table::read_upload(*xml);
    return r ? row_json(world_.table_upload(*r, context)) : refusal_json(service, malformed(r.error()));
  }
  if (service == s::table_cancel) {
    const auto r = table::read_cancel(*xml);
    return r ? row_json(world_.table_cancel(*r, context)) : refusal_json(service, malformed(r.error()));
  }
  const auto r = table::read_download(*xml);
  if (!r) return refusal_json(service, malformed(r.error()));
  const auto reply = table::download_reply_xml(world_.table_download(*r, now));
  return reply ? leqi::table_json(*reply) : refusal_json(service, malformed(reply.error()));
}

std::string Services::refusal_json(std::string_view service, const std::string& message) {
  // A table's reply has no return code: nothing was uploaded, and the text says why.
  if (service == s::table_upload || service == s::table_cancel) return row_json({{}, {}, "TZD0500", message, {}});
  if (service == s::table_download) return leqi::table_json(*table::download_reply_xml({}));
  return leqi::confirm_reply_json({refused(message), {}});  // returncode and returnmsg; every reader stops there
}

std::string Services::duplicate_json(std::string_view service, std::string_view json) {
  if (service == s::apply) return leqi::apply_reply_json({refused("存在进行中的红字确认单保存操作"), {}, {}, {}});
  if (service == s::confirm) return leqi::confirm_reply_json({refused("红字确认单当前状态不允许该操作"), {}});
  if (service == s::upload) return leqi::upload_reply_json({refused("业务流水号重复,请勿重复上传"), {}});
  if (service == s::table_upload) {
    std::string request_number;
    if (const auto xml = leqi::read_table_json(json)) {
      if (const auto red = table::read_upload(*xml)) request_number = red->request_number;
    }
    return row_json({request_number, {}, "TZD0061", std::string(table::table_status("TZD0061")->term), {}});
  }
  return {};
}

}  // namespace taxgate::simulator
