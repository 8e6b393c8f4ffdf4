#include "simulator/stand/stand.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <filesystem>
#include <thread>

#include "daemon/core/files.h"
#include "protocol/json_form.h"
#include "protocol/records.h"
#include "simulator/device/key_authority.h"

namespace taxgate::simulator {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kReadyWithin{
    60'000};  // a loaded machine under a sanitizer; who ends is noticed at once
constexpr std::chrono::milliseconds kReadyPoll{10};
constexpr std::int64_t kDayMs = 86'400'000;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The program's own last words: its log may be gone with the directory when somebody reads this.
std::unexpected<Error> not_started(const std::string& program, const std::string& log) {
  constexpr std::size_t kMostLog = 16UL * 1024 * 1024;
  std::string said = read_file(log, kMostLog).value_or("");
  while (said.ends_with('\n')) said.pop_back();
  return fail(Errc::retry_later, "sim.child_start", program, {}, {},
              "see " + log + "; its last line: " + said.substr(said.rfind('\n') + 1));
}

}  // namespace

Result<std::unique_ptr<Stand>> Stand::build(StandOptions options) {
  std::unique_ptr<Stand> stand(new Stand(std::move(options)));
  if (stand->options_.directory.empty()) {
    char name[] = "/tmp/taxgate-stand-XXXXXX";
    if (::mkdtemp(name) == nullptr) return fail(Errc::retry_later, "file.unwritable", name);
    stand->directory_ = name;
    stand->remove_directory_ = true;
  } else {
    stand->directory_ = stand->options_.directory;
  }
  std::error_code ignored;
  for (const char* sub : {"/pins", "/pcscd", "/cards", "/platform"})
    std::filesystem::create_directories(stand->directory_ + sub, ignored);

  auto authority = KeyAuthority::open_or_create(stand->directory_ + "/cards", "key-ca", "key CA", wall_ms());
  if (!authority) return std::unexpected(authority.error());
  if (auto ok = write_file_atomic(stand->directory_ + "/key-ca.pem", authority->certificate_pem(), 0644); !ok)
    return std::unexpected(ok.error());
  PlatformOptions platform;
  platform.directory = stand->directory_ + "/platform";
  platform.profile = stand->options_.profile;
  platform.key_ca_der = authority->certificate();
  platform.seed = stand->options_.seed;
  auto started = Platform::start(platform);
  if (!started) return std::unexpected(started.error());
  stand->platform_ = std::move(*started);
  stand->platform_->clock().advance_ms(stand->options_.legal_ahead_ms);
  stand->control_ = std::make_unique<cli::Client>(
      cli::Endpoint{.socket = {}, .host = "127.0.0.1", .port = stand->platform_->control_port(), .token = {}});
  stand->api_ =
      std::make_unique<cli::Client>(cli::Endpoint{.socket = stand->api_socket(), .host = {}, .port = 0, .token = {}});

  if (stand->options_.with_keys)
    if (auto ok = stand->build_keys(); !ok) return std::unexpected(ok.error());
  if (auto ok = stand->write_configs(); !ok) return std::unexpected(ok.error());

  // Counterparties' own reds (tables they write off, forms they issue) need no act of ours.
  std::string seed = R"({"behaviour":{"issue":"automatic","write_off_ms":0},"taxpayers":[)";
  for (const auto& t : stand->options_.taxpayers) {
    const bool upload =
        std::ranges::find(stand->options_.upload_taxpayers, t.party.id) != stand->options_.upload_taxpayers.end();
    if (seed.back() != '[') seed += ',';
    seed += fmt::format(
        R"({{"id":"{}","name":"{}","credit_limit":"7500000.00","behaviour":{{"issue":"{}","write_off_ms":0}}}})",
        t.party.id, t.party.name, upload ? "upload" : "automatic");
  }
  if (auto ok = stand->control("POST", "/seed", seed + "]}"); !ok) return std::unexpected(ok.error());
  return stand;
}

Result<void> Stand::build_keys() {
  auto authority = KeyAuthority::open_or_create(directory_ + "/cards", "key-ca", "key CA", wall_ms());
  if (!authority) return std::unexpected(authority.error());
  auto pcscd = PrivatePcscd::start({.directory = directory_ + "/pcscd", .readers = (options_.keys + 1) / 2});
  if (!pcscd) return std::unexpected(pcscd.error());
  pcscd_ = std::move(*pcscd);
  for (unsigned i = 0; i < options_.keys; ++i) {
    const auto& taxpayer = options_.taxpayers.at(i % options_.taxpayers.size());
    KeyDefinition definition;
    definition.serial = fmt::format("SIMKEY{:04}", i + 1);
    definition.taxpayer = taxpayer.party.id;
    definition.name = taxpayer.party.name;
    definition.pin = kStandPin;
    definition.admin_pin = "87654321";
    definition.valid_from_ms = wall_ms() - kDayMs;
    definition.valid_until_ms = wall_ms() + 365 * kDayMs;
    if (options_.define_key) options_.define_key(i, definition);
    auto key = VirtualKey::open(directory_ + "/cards/" + definition.serial, definition, *authority);
    if (!key) return std::unexpected(key.error());
    if (const auto content = options_.define_disk ? options_.define_disk(i, legal_now().ms) : std::nullopt) {
      auto disk = TaxDisk::open(directory_ + "/cards/" + definition.serial + ".disk", *content);
      if (!disk) return std::unexpected(disk.error());
      (*key)->carry_disk(std::move(*disk), platform_->clock());
    }
    virtual_keys_.push_back(std::move(*key));
    cards_.push_back(std::make_unique<VpcdCard>(*virtual_keys_.back(), "127.0.0.1", pcscd_->slots().at(i).port));
    cards_.back()->plug();
  }
  return {};
}

Result<void> Stand::write_configs() {
  std::string keyd = fmt::format(
      "socket = \"{0}/keyd.sock\"\nstate_directory = \"{0}/keyd\"\nissuer_ca = \"{0}/key-ca.pem\"\n", directory_);
  keyd += fmt::format("\n[disk]\nfile = \"{}\"\nevery_s = 1\n", kDiskFile);
  std::string taxgated = fmt::format(
      R"([taxgated]
channel = "simulator"
state_dir = "{0}/state"

[api]
socket = "{0}/api.sock"
{1}
[platform]
base_url = "https://127.0.0.1:{2}"
ca_file = "{3}"
profile = "{4}"
signature_header = "access_signature"
access_unit = "SIM-ACCESS"
using_unit = "SIM-USING"
timeouts = {{ connect_ms = {5}, answer_ms = {6} }}
settle_ms = {7}
max_concurrent = 8
calls_per_second = 2000
calls_per_day = 10000000

[keys]
socket = "{0}/keyd.sock"

[queue]
retry_first_ms = {8}
retry_max_ms = {9}
poll_form_ms = {10}
poll_upload_ms = {11}
poll_inbox_ms = {12}
poll_unknown_ms = 100
warn_before_ms = {13}
)",
      directory_, options_.tcp ? fmt::format("tcp_port = 0\ntoken_file = \"{}\"\n", token_file()) : "",
      platform_->port(), platform_->ca_path(), options_.profile == Profile::signed_ ? "signed" : "leqi-shape",
      options_.connect_ms, options_.answer_ms, options_.settle_ms, options_.retry_first_ms, options_.retry_max_ms,
      options_.poll_form_ms, options_.poll_upload_ms, options_.poll_inbox_ms, options_.warn_before_hours * 3'600'000LL);
  for (const auto& t : options_.taxpayers) {
    const std::string pin = directory_ + "/pins/" + t.party.id, sm4 = directory_ + "/pins/" + t.party.id + ".sm4";
    if (auto ok = write_file_atomic(pin, std::string(kStandPin) + "\n"); !ok) return ok;
    if (auto ok = write_file_atomic(sm4, hex(platform_->sm4_key()) + "\n"); !ok) return ok;
    keyd += fmt::format("\n[[pin]]\ntaxpayer = \"{}\"\nfile = \"{}\"\n", t.party.id, pin);
    const bool upload = std::ranges::find(options_.upload_taxpayers, t.party.id) != options_.upload_taxpayers.end();
    taxgated += fmt::format("\n[[taxpayer]]\nid = \"{}\"\nname = \"{}\"\nsm4_key_file = \"{}\"\nissue = \"{}\"\n",
                            t.party.id, t.party.name, sm4, upload ? "upload" : "auto");
  }
  if (options_.tcp)
    if (auto ok = write_file_atomic(token_file(), hex(sm3(as_bytes(directory_ + std::to_string(wall_ms())))) + "\n");
        !ok)
      return ok;
  if (auto ok = write_file_atomic(keyd_config(), keyd); !ok) return ok;
  return write_file_atomic(taxgated_config(), taxgated + "\n[sync]\n" + options_.sync + "\n" + options_.more_config);
}

Stand::~Stand() {
  taxgated_.stop();
  keyd_.stop();
  cards_.clear();
  pcscd_.reset();
  platform_.reset();
  std::error_code ignored;
  if (remove_directory_) std::filesystem::remove_all(directory_, ignored);
}

Result<void> Stand::start_keyd() {
  auto ok =
      keyd_.start({options_.programs + "/taxgate-keyd", "--config", keyd_config()},
                  {"PCSCLITE_CSOCK_NAME=" + (pcscd_ ? pcscd_->socket() : std::string("/nonexistent"))}, keyd_log());
  if (!ok) return ok;
  for (const auto until = Clock::now() + kReadyWithin; Clock::now() < until; std::this_thread::sleep_for(kReadyPoll)) {
    if (!keyd_.running()) break;
    if (std::filesystem::exists(directory_ + "/keyd.sock")) return {};
  }
  return not_started("taxgate-keyd", keyd_log());
}

Result<void> Stand::start_taxgated(const std::vector<std::string>& more, const std::vector<std::string>& environment) {
  std::error_code ignored;
  std::filesystem::remove(directory_ + "/state/api.json", ignored);
  std::vector<std::string> command{options_.programs + "/" + options_.taxgated, "--config", taxgated_config(), "--lab",
                                   platform_->clock_path()};
  command.insert(command.end(), more.begin(), more.end());
  if (auto ok = taxgated_.start(command, environment, taxgated_log()); !ok) return ok;
  api_ = std::make_unique<cli::Client>(cli::Endpoint{.socket = api_socket(), .host = {}, .port = 0, .token = {}});
  for (const auto until = Clock::now() + kReadyWithin; Clock::now() < until; std::this_thread::sleep_for(kReadyPoll)) {
    if (!taxgated_.running()) break;
    if (std::filesystem::exists(directory_ + "/state/api.json")) return {};
  }
  return not_started(options_.taxgated, taxgated_log());
}

std::uint16_t Stand::api_tcp_port() const {
  auto text = read_file(directory_ + "/state/api.json", 4096);
  if (!text) return 0;
  boost::system::error_code error;
  const auto value = boost::json::parse(*text, error);
  if (error) return 0;
  return static_cast<std::uint16_t>(value.at("tcp_port").as_int64());
}

Result<std::string> Stand::control(const std::string& method, const std::string& path, const std::string& body) {
  auto answer = control_->call({.method = method, .target = path, .body = body, .idempotency_key = {}});
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200)
    return fail(Errc::rejected, "sim.control", path, std::to_string(answer->status), {}, answer->body);
  return answer->body;
}

Result<void> Stand::advance_legal_ms(std::int64_t ms) {
  auto ok = control("POST", "/clock/advance", fmt::format(R"({{"ms":{}}})", ms));
  if (!ok) return std::unexpected(ok.error());
  return {};
}

Result<void> Stand::seed_invoices(const std::vector<Invoice>& invoices) {
  std::string body = R"({"invoices":[)";
  for (const auto& invoice : invoices) {
    if (body.back() != '[') body += ',';
    body += to_json(to_record(invoice));
  }
  auto ok = control("POST", "/seed", body + "]}");
  if (!ok) return std::unexpected(ok.error());
  return {};
}

Result<void> Stand::import_invoices(const std::vector<Invoice>& invoices) {
  if (auto ok = seed_invoices(invoices); !ok) return ok;
  api::v1::ImportRequest import;
  for (const auto& invoice : invoices) *import.add_invoices() = to_record(invoice);
  auto done = call<api::v1::ImportReply>("POST", "/v1/invoices:import", &import);
  if (!done) return std::unexpected(done.error());
  if (done->refused_size() != 0)
    return fail(Errc::invalid_input, done->refused(0).code(), done->refused(0).field(), done->refused(0).wanted());
  return {};
}

Result<Stand::Judgement> Stand::judge(const std::vector<std::string>& ids) {
  std::string body = R"({"promises":[)";
  for (const auto& id : ids) {
    auto told = show(id);
    if (!told) return std::unexpected(told.error());
    if (told->kind() != "red") continue;
    const std::string_view state = told->state();
    const std::string_view outcome = state == "issued"                            ? "issued"
                                     : state == "void"                            ? "void"
                                     : state == "cancelled" || state == "refused" ? "none"
                                     : state == "attention"                       ? "at_most_one"
                                                                                  : "live";
    std::string request_number;
    constexpr std::string_view kTable = "information table request ";
    for (const auto& e : told->timeline())
      if (const auto at = e.detail().find(kTable); at != std::string::npos)
        request_number = e.detail().substr(at + kTable.size(), 24);
    if (body.back() != '[') body += ',';
    body += fmt::format(
        R"({{"seller":"{}","blue_number":"{}","reason":"{}","amount":"{}","tax":"{}","outcome":"{}","buyer":"{}","request_number":"{}","label":"{}"}})",
        told->seller(), told->blue_number(), request_number.empty() ? told->reason() : "", told->amount(), told->tax(),
        outcome, told->buyer(), request_number, id);
  }
  auto answer = control("POST", "/assert", body + "]}");
  if (!answer) return std::unexpected(answer.error());
  boost::system::error_code error;
  const auto value = boost::json::parse(*answer, error);
  if (error) return fail(Errc::corrupt, "sim.answer", "assert");
  return Judgement{static_cast<int>(value.at("lost").as_int64()), static_cast<int>(value.at("doubled").as_int64()),
                   *answer};
}

Result<void> Stand::call_into(const std::string& method, const std::string& target,
                              const google::protobuf::Message* body, const std::string& key,
                              google::protobuf::Message& out) {
  auto answer = api_->call({.method = method,
                            .target = target,
                            .body = body != nullptr ? body->SerializeAsString() : std::string(),
                            .content_type = "application/x-protobuf",
                            .idempotency_key = key});
  if (!answer) return std::unexpected(answer.error());
  const auto read = [&](google::protobuf::Message& into) -> Result<void> {
    if (!answer->protobuf) return from_json(answer->body, into);
    if (into.ParseFromString(answer->body)) return {};
    return fail(Errc::corrupt, "sim.answer", target);
  };
  if (answer->status >= 200 && answer->status < 300) return read(out);
  api::v1::ErrorBody error;
  if (auto ok = read(error); !ok) return ok;
  return fail(answer->status == 503 || answer->status == 429 ? Errc::retry_later : Errc::invalid_input, error.code(),
              error.field(), error.wanted(), error.left(), std::to_string(answer->status));
}

Result<api::v1::Submission> Stand::submit(const api::v1::SubmissionRequest& request) {
  return call<api::v1::Submission>("POST", "/v1/submissions", &request);
}

Result<api::v1::Submission> Stand::show(const std::string& id) {
  return call<api::v1::Submission>("GET", "/v1/submissions/" + id);
}

Result<api::v1::Submission> Stand::wait_state(const std::string& id, const std::vector<std::string>& states,
                                              std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  for (;;) {
    auto sub = show(id);
    if (!sub || sub->final() || std::ranges::find(states, sub->state()) != states.end() || Clock::now() >= until)
      return sub;
    std::this_thread::sleep_for(kReadyPoll);
  }
}

}  // namespace taxgate::simulator
