#include "cli/requests.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "cli/digest.h"
#include "daemon/core/files.h"
#include "protocol/json_form.h"
#include "protocol/sm.h"

namespace taxgate::cli {
namespace {

using api::v1::SubmissionRequest;

constexpr std::size_t kMaxFile =
    64U << 20;  // an import of some hundred thousand invoices is split by the daemon's own bound

// "2:quantity=150", "1:amount=35000.00", "3:total=1130.00"; "1:share=0.3,reason=02" where the lines want several
// documents
Result<void> add_line(const std::string& text, SubmissionRequest& request) {
  const auto wrong = [&] { return fail(Errc::invalid_input, "cli.line", "--line", text); };
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon > 4) return wrong();
  if (!std::ranges::all_of(text.substr(0, colon), [](char c) { return c >= '0' && c <= '9'; })) return wrong();
  auto& line = *request.add_lines();
  line.set_blue_line(std::stoi(text.substr(0, colon)));
  for (std::size_t at = colon + 1; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const auto equals = text.find('=', at);
    if (equals == std::string::npos || equals >= end) return wrong();
    const std::string what = text.substr(at, equals - at), value = text.substr(equals + 1, end - equals - 1);
    if (what == "quantity")
      line.set_quantity(value);
    else if (what == "amount")
      line.set_amount(value);
    else if (what == "total")
      line.set_total(value);
    else if (what == "share")
      line.set_share(value);
    else if (what == "reason")
      line.set_reason(value);
    else
      return wrong();
    at = end + 1;
  }
  return {};
}

}  // namespace

Result<std::string> read_input(const std::string& path) {
  if (path != "-") return read_file(path, kMaxFile);
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

Result<void> fill_from_options(const Given& given, SubmissionRequest& request) {
  const auto set = [&](std::string_view option, auto setter) {
    if (given.has(option)) setter(given.value(option));
  };
  set("--seller", [&](auto v) { request.set_seller(v); });
  set("--blue", [&](auto v) { request.set_blue_number(v); });
  set("--reason", [&](auto v) { request.set_reason(v); });
  set("--initiator", [&](auto v) { request.set_initiator(v); });
  set("--tax-device", [&](auto v) { request.set_tax_device(v); });
  set("--codes", [&](auto v) { request.set_codes(v); });
  set("--key", [&](auto v) { request.set_idempotency_key(v); });
  set("--order", [&](auto v) { request.mutable_context()->set_order(v); });
  set("--contract", [&](auto v) { request.mutable_context()->set_contract(v); });
  set("--project", [&](auto v) { request.mutable_context()->set_project(v); });
  set("--org-unit", [&](auto v) { request.mutable_context()->set_org_unit(v); });
  set("--operator", [&](auto v) { request.mutable_context()->set_operator_(v); });
  set("--approver", [&](auto v) { request.mutable_context()->set_approver(v); });
  set("--planned-reissue", [&](auto v) { request.mutable_context()->set_planned_reissue(v); });
  set("--replaces", [&](auto v) { request.mutable_context()->set_replaces(v); });
  for (const auto& line : given.values("--line"))
    if (auto added = add_line(line, request); !added) return added;
  return {};
}

Result<api::v1::Evidence> paper_of(const std::string& text) {
  const auto equals = text.find('=');
  const bool kind = equals != std::string::npos && equals > 0 && text.find('/') > equals;
  const std::string path = kind ? text.substr(equals + 1) : text;
  const auto bytes = read_file(path, kMaxFile);
  if (!bytes) return std::unexpected(bytes.error());
  api::v1::Evidence paper;
  paper.set_kind(kind ? text.substr(0, equals) : "explanation");
  paper.set_name(std::filesystem::path(path).filename().string());
  paper.set_hash(sha256_hex({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}));
  return paper;
}

Result<Declared> declared_of(const Given& given) {
  Declared out;
  for (const std::string& text : given.values("--evidence")) {
    auto paper = paper_of(text);
    if (!paper) return std::unexpected(paper.error());
    out.evidence.push_back(std::move(*paper));
  }
  const auto& type = *api::v1::Circumstances::descriptor();
  const auto& fields = *out.circumstances.GetReflection();
  for (const std::string& text : given.values("--declare")) {
    const auto equals = text.find('=');
    const auto* field = equals == std::string::npos ? nullptr : type.FindFieldByName(text.substr(0, equals));
    if (field == nullptr) {
      std::string names;
      for (int i = 0; i < type.field_count(); ++i) names += (i > 0 ? " " : "") + type.field(i)->name();
      return fail(Errc::invalid_input, "cli.declare", "--declare", text, std::move(names));
    }
    if (field->is_repeated())
      fields.AddString(&out.circumstances, field, text.substr(equals + 1));
    else
      fields.SetString(&out.circumstances, field, text.substr(equals + 1));
  }
  return out;
}

void lay_under(const Declared& declared, SubmissionRequest& request) {
  for (const auto& paper : declared.evidence) *request.add_evidence() = paper;
  if (declared.circumstances.ByteSizeLong() == 0) return;
  api::v1::Circumstances whole = declared.circumstances;
  if (request.circumstances().labels_size() > 0) whole.clear_labels();
  whole.MergeFrom(request.circumstances());  // what the request says goes before it
  *request.mutable_circumstances() = std::move(whole);
}

Result<void> declare(const Given& given, SubmissionRequest& request) {
  const auto declared = declared_of(given);
  if (!declared) return std::unexpected(declared.error());
  lay_under(*declared, request);
  return {};
}

void set_content_key(SubmissionRequest& request) {
  // The same command given twice is one submission. Whoever wants the same red a second time says so with --key.
  if (request.idempotency_key().empty()) {
    const std::string body = to_json(request);
    request.set_idempotency_key(
        "cli-" + hex(sm3({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()})).substr(0, 32));
  }
}

}  // namespace taxgate::cli
