// The real server against its own OpenAPI document: requests made from the schemas are never refused for their form,
// the core operations succeed, and every answer fits its schema.
#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "protocol/json_form.h"
#include "tests/system/whole_fixture.h"
#include "tests/unit/daemon/api/schema_check.h"
#include "tests/unit/daemon/api/test_client.h"

namespace taxgate::tests {
namespace {

namespace json = boost::json;
using api::Answer;

/// Values the document cannot know: they exist in this very daemon.
using Known = std::map<std::string, std::string, std::less<>>;

class FromDocument {
 public:
  FromDocument(const json::value& document, std::uint32_t seed) : document_(document), random_(seed) {}

  struct Request {
    std::string method, target, body, key;
  };
  Request make(std::string_view path, std::string_view method, const json::object& operation, const Known& known) {
    Request out;
    for (const char c : method) out.method += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    out.target = path;
    std::string query;
    if (const auto* parameters = operation.if_contains("parameters"))
      for (const auto& p : parameters->as_array()) {
        const std::string name(p.at("name").as_string()), in(p.at("in").as_string());
        const auto real = known.find(name);
        json::value made = schemas_.random(p.at("schema").as_object(), random_);
        const std::string value = real != known.end() ? real->second
                                  : made.is_string()  ? std::string(made.get_string())
                                                      : json::serialize(made);
        if (in == "path")
          out.target.replace(out.target.find('{'), out.target.find('}') - out.target.find('{') + 1, encoded(value));
        else if (in == "query" && name != "wait" && name != "after" && random_() % 2)
          query += (query.empty() ? "?" : "&") + name + "=" + encoded(value);
        else if (in == "header" && name == "Idempotency-Key")
          out.key = fmt::format("made-{}", ++keys_);
      }
    out.target += query;
    if (const auto* body = operation.if_contains("requestBody")) {
      json::value made = schemas_.random(body->at("content").at("application/json").at("schema").as_object(), random_);
      replace(made, known);
      add(made, body->at("content").at("application/json").at("schema").as_object(), known);
      // Two keys that differ are refused by a rule of the text, not of the schema.
      if (auto* object = made.if_object(); object != nullptr && !out.key.empty()) object->erase("idempotency_key");
      out.body = json::serialize(made);
    }
    return out;
  }
  /// Empty when the answer fits.
  std::string check(const Answer& answer, const json::object& operation) const {
    const auto& responses = operation.at("responses").as_object();
    const auto* response = responses.if_contains(std::to_string(answer.status));
    if (response == nullptr) response = &responses.at("default");
    const auto* form = response->at("content").as_object().if_contains(answer.headers.at("content-type"));
    if (form == nullptr) return "undocumented content type";
    json::error_code ec;
    const bool text = answer.headers.at("content-type").starts_with("text/plain");  // /metrics: a string as it stands
    const json::value body = text ? json::value(answer.body) : json::parse(answer.body, ec);
    if (ec) return "no JSON";
    return schemas_.check(body, form->at("schema").as_object());
  }

 private:
  static std::string encoded(std::string_view text) {
    std::string out;
    for (const char c : text)
      out += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c)
                                                         : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    return out;
  }
  static void replace(json::value& value, const Known& known) {
    if (auto* list = value.if_array())
      for (auto& item : *list) replace(item, known);
    auto* object = value.if_object();
    if (object == nullptr) return;
    for (const char* rare : {"platform_form", "blue", "lines", "initiator", "tax_device", "uid", "codes"})
      object->erase(rare);
    for (auto& [name, below] : *object) {
      const auto real = known.find(std::string_view(name));
      if (real != known.end() && below.is_string())
        below = real->second;
      else
        replace(below, known);
    }
  }

  /// A request whose fields are all left to chance is almost never whole: what is known to the daemon is put in again,
  /// every other time.
  void add(json::value& made, const json::object& schema, const Known& known) {
    auto* object = made.if_object();
    const auto* reference = schema.if_contains("$ref");
    if (object == nullptr || reference == nullptr) return;
    const auto& whole = document_.at_pointer(std::string_view(reference->as_string()).substr(1));
    for (const auto& [name, value] : known)
      if (whole.at("properties").as_object().contains(name) && random_() % 2) (*object)[name] = value;
  }

  const json::value& document_;
  api::Schemas schemas_{document_};
  std::mt19937 random_;
  int keys_ = 0;
};

Answer send(const std::string& socket, const FromDocument::Request& request) {
  auto client = api::TestClient::unix_socket(socket);
  std::vector<std::pair<std::string, std::string>> headers;
  if (!request.key.empty()) headers.emplace_back("Idempotency-Key", request.key);
  if (!request.body.empty()) headers.emplace_back("Content-Type", "application/json");
  return client.request(request.method, request.target, request.body, headers);
}

TEST(RealServer, TakesRequestsMadeFromItsDocumentAndAnswersAsTheDocumentSays) {
  Whole whole;
  auto& stand = whole.stand();
  ASSERT_TRUE(stand.start_taxgated());
  const auto seed = std::random_device{}();
  fmt::print("seed {}\n", seed);
  const auto served = send(stand.api_socket(), {"GET", "/v1/openapi.json", {}, {}});
  ASSERT_EQ(served.status, 200);
  const json::value document = json::parse(served.body);
  FromDocument from(document, seed);

  // The requests are drawn, so a call that wants several fields right at once may fail a few times: draw until each of
  // these was accepted, within reason.
  constexpr const char* kCore[] = {"POST /v1/submissions",
                                   "GET /v1/submissions",
                                   "GET /v1/submissions/{id}",
                                   "GET /v1/submissions/{id}/signatures",
                                   "POST /v1/submissions/{id}/retry",
                                   "GET /v1/inbox",
                                   "POST /v1/inbox/{uuid}/confirm",
                                   "GET /v1/events",
                                   "POST /v1/invoices:import",
                                   "GET /v1/invoices/{number}",
                                   "GET /v1/keys",
                                   "GET /v1/status",
                                   "GET /v1/holds",
                                   "POST /v1/holds",
                                   "POST /v1/holds/release",
                                   "GET /v1/callers",
                                   "POST /v1/callers",
                                   "GET /v1/healthz"};
  constexpr int kFewest = 12, kMost = 120;
  std::set<std::string> succeeded;
  const auto all_accepted = [&] {
    return std::ranges::all_of(kCore, [&](const char* core) { return succeeded.contains(core); });
  };
  int sent = 0;
  std::string last_blue, last_done;
  for (int round = 0; round < kFewest || (round < kMost && !all_accepted()); ++round) {
    const Invoice blue = whole.blue(round % 2 == 0), raised = whole.blue(true);
    const auto own = stand.submit(whole.full_red(blue));
    ASSERT_TRUE(own);
    const auto form = stand.control(
        "POST", "/forms", fmt::format(R"({{"blue_number":"{}","initiator":"buyer","reason":"02"}})", raised.number));
    ASSERT_TRUE(form);
    // Known to the daemon: one red that waits for its counterparty, or is done; and a form that waits for us.
    (void)stand.wait_state(own->id(), {"waiting_counterparty"}, std::chrono::seconds(20));
    ASSERT_TRUE(eventually([&] {
      const auto inbox = stand.call<api::v1::Inbox>("GET", "/v1/inbox");
      return inbox &&
             std::ranges::any_of(inbox->forms(), [&](const auto& f) { return f.blue_number() == raised.number; });
    }));
    const Invoice fresh = whole.blue();
    last_blue = fresh.number;
    if (round % 2 == 1) last_done = own->id();
    const Known known{{"id", own->id()},
                      {"uuid", std::string(json::parse(*form).at("uuid").as_string())},
                      {"number", blue.number},
                      {"name", "erp"},
                      {"seller", whole.us()},
                      {"taxpayer", whole.us()},
                      {"blue_number", fresh.number},
                      {"reason", "01"},
                      {"state", "issued"},
                      {"outcome", "close"}};
    for (const auto& [path, methods] : document.at("paths").as_object())
      for (const auto& [method, operation] : methods.as_object()) {
        const auto request = from.make(path, method, operation.as_object(), known);
        const auto answer = send(stand.api_socket(), request);
        ++sent;
        const std::string what = request.method + " " + request.target + "\n" + request.body + "\n" + answer.body;
        EXPECT_EQ(from.check(answer, operation.as_object()), "") << what;
        EXPECT_LT(answer.status, 500) << what;
        EXPECT_EQ(answer.headers.at("taxgate-channel"), "simulator") << what;
        if (answer.status >= 400) {
          const std::string code(json::parse(answer.body).at("code").as_string());
          EXPECT_FALSE(code.starts_with("api.") || code.starts_with("json.")) << "refused for its form: " << what;
        } else {
          succeeded.insert(request.method + " " + std::string(path));
        }
      }
    // What the requests did to the taxpayer must not silence the rest of the rounds.
    api::v1::HoldRequest release;
    release.set_taxpayer(whole.us());
    (void)stand.call<api::v1::HoldList>("POST", "/v1/holds/release", &release);
  }
  // The protobuf form of an answer equals its JSON form, whatever the message.
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  for (const auto& [target, message] : {std::pair<std::string, const char*>{"/v1/invoices/" + last_blue, "Invoice"},
                                        {"/v1/submissions/" + last_done, "Submission"},
                                        {"/v1/submissions/" + last_done + "/signatures", "SignatureList"},
                                        {"/v1/submissions?limit=5", "SubmissionList"},
                                        {"/v1/events?limit=50", "EventList"},
                                        {"/v1/callers", "CallerList"},
                                        {"/v1/holds", "HoldList"}}) {
    const auto* prototype = google::protobuf::MessageFactory::generated_factory()->GetPrototype(
        pool->FindMessageTypeByName(std::string("taxgate.api.v1.") + message));
    std::unique_ptr<google::protobuf::Message> by_json(prototype->New()), by_protobuf(prototype->New());
    auto client = api::TestClient::unix_socket(stand.api_socket());
    const auto in_json = client.request("GET", target, {}, {{"Accept", "application/json"}});
    const auto in_protobuf = client.request("GET", target, {}, {{"Accept", "application/x-protobuf"}});
    ASSERT_EQ(in_json.status, 200) << target << in_json.body;
    ASSERT_TRUE(from_json(in_json.body, *by_json)) << target;
    ASSERT_TRUE(by_protobuf->ParseFromString(in_protobuf.body)) << target;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(*by_json, *by_protobuf)) << target;
    EXPECT_GT(by_json->ByteSizeLong(), 10U) << target << " shows nothing";
  }
  fmt::print("{} requests made from the document, {} operations succeeded\n", sent, succeeded.size());
  for (const char* core : kCore) EXPECT_TRUE(succeeded.contains(core)) << core << " was never accepted";
}

}  // namespace
}  // namespace taxgate::tests
