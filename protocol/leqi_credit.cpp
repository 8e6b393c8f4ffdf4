// CXSXED: what is left of the credit line. The service's name is public; the field names are those one vendor's façade
// passes through (rules.md C, last row), so a real platform may name them otherwise: change them here only.
#include "protocol/leqi_json.h"

namespace taxgate::leqi {

std::string credit_json(const CreditRequest& request) {
  json::object o;
  put(o, "nsrsbh", request.taxpayer);
  put(o, "sq", request.month);
  return text_of(o);
}

Result<CreditRequest> read_credit(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  CreditRequest request;
  request.taxpayer = f.need("nsrsbh");
  request.month = f.text("sq");
  return finished(f, std::move(request));
}

std::string credit_reply_json(const CreditReply& reply) {
  json::object o;
  put_outcome(o, reply.outcome);
  if (reply.outcome.ok()) {
    put(o, "sq", reply.month);
    put(o, "bysxed", reply.total.text());
    put(o, "kysyed", reply.remaining.text());
    put(o, "ztsxbz", reply.suspended ? "Y" : "N");
  }
  return text_of(o);
}

Result<CreditReply> read_credit_reply(std::string_view text) {
  auto object = parse_object(text);
  if (!object) return std::unexpected(std::move(object.error()));
  Fields f(*object, {});
  CreditReply reply;
  reply.outcome = f.outcome();
  if (reply.outcome.ok()) {  // a figure that is missing must not read as nothing left
    reply.month = f.text("sq");
    reply.total = f.fen("bysxed");
    reply.remaining = f.fen("kysyed");
    reply.suspended = f.flag("ztsxbz");
  }
  return finished(f, std::move(reply));
}

}  // namespace taxgate::leqi
