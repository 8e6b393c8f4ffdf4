#include "simulator/platform/platform.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "daemon/core/files.h"
#include "protocol/http_date.h"
#include "protocol/leqi.h"
#include "protocol/leqi_night.h"
#include "simulator/platform/control.h"
#include "simulator/platform/http_loop.h"
#include "simulator/platform/night_control.h"
#include "simulator/platform/services.h"

namespace taxgate::simulator {

namespace {

constexpr std::size_t kKeyBytes = 16;
// No answer of this platform looks like it: neither JSON nor Base64.
constexpr std::string_view kGarbage = "\x1f\x8b\x08<html>\xff\xfe 502 \x00\x01 bad gateway";

std::int64_t machine_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// "/access/v2/invoke/{ability}/{service}/" and the sandbox's path. "" when it is neither.
std::string service_of(std::string_view target) {
  for (const std::string_view prefix : {"/access/v2/invoke/", "/access/sandbox/v2/invoke/"}) {
    if (!target.starts_with(prefix)) continue;
    std::string_view rest = target.substr(prefix.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
    return std::string(rest.substr(0, rest.find('/')));
  }
  return {};
}

HttpReply broken(HttpReply::Fate fate) {
  HttpReply reply;
  reply.fate = fate;
  return reply;
}

}  // namespace

struct Platform::Impl {
  explicit Impl(PlatformOptions given) : options(std::move(given)), faults(options.seed) {}

  PlatformOptions options;
  std::uint16_t port = 0, control_port = 0;
  std::string ca_path, clock_path, log_path;
  std::unique_ptr<LegalClockFile> clock;
  RequestLog log;
  World world{[this](Effect effect) {
    night.note(effect);
    log.append(std::move(effect));
  }};
  NightServices night{world};
  std::unique_ptr<wire::Sm4Encryptor> sealing;  // pages of megabytes
  SignatureGate gate;
  Services services{world, gate};
  Faults faults;
  std::map<std::string, std::uint64_t> calls;
  Router router;
  HttpLoop loop;  // last: stops before anything its thread uses is gone

  Result<void> prepare();
  Result<void> listen();
  void on_call(const HttpRequest& request, const Responder& respond);
  void on_control(const HttpRequest& request, const Responder& respond);
  std::string handle(const std::string& service, const std::string& json, const std::string& signature,
                     const FaultAction& fault);
  HttpReply sealed(const std::string& json) const;
  void on_night(const std::string& service, const std::string& json, const FaultAction& fault,
                const Responder& respond);
  void send(HttpReply reply, const FaultAction& fault, const Responder& respond);
};

Result<void> Platform::Impl::prepare() {
  if (options.sm4_key.empty()) {
    options.sm4_key.resize(kKeyBytes);
    if (RAND_bytes(options.sm4_key.data(), static_cast<int>(kKeyBytes)) != 1)
      return fail(Errc::invalid_input, "sim.key");
  }
  if (options.sm4_key.size() != kKeyBytes) return fail(Errc::invalid_input, "sim.key");
  if (options.profile == Profile::signed_) {
    if (options.key_ca_der.empty()) return fail(Errc::invalid_input, "sim.key_ca");
    gate = SignatureGate(options.key_ca_der);
  }
  sealing = std::make_unique<wire::Sm4Encryptor>(std::span<const std::uint8_t, kKeyBytes>(options.sm4_key));
  // Header names are compared in lower case, as the loop hands them over.
  std::ranges::transform(options.signature_header, options.signature_header.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  ca_path = options.directory + "/platform-ca.pem";
  clock_path = options.directory + "/legal.clock";
  log_path = options.directory + "/platform.log";
  auto opened = LegalClockFile::create(clock_path);
  if (!opened) return std::unexpected(std::move(opened.error()));
  clock = std::move(*opened);
  return log.open(log_path);
}

Result<void> Platform::Impl::listen() {
  const auto identity = make_tls_identity(options.address);
  if (!identity) return std::unexpected(identity.error());
  if (auto written = write_file_atomic(ca_path, identity->ca_pem, 0644); !written) return written;
  auto served = loop.listen(options.address, options.port, &*identity,
                            [this](HttpRequest request, Responder respond) { on_call(request, respond); });
  if (!served) return std::unexpected(std::move(served.error()));
  port = *served;
  auto controlled = loop.listen("127.0.0.1", options.control_port, nullptr,
                                [this](HttpRequest request, Responder respond) { on_control(request, respond); });
  if (!controlled) return std::unexpected(std::move(controlled.error()));
  control_port = *controlled;
  add_control_routes(router, {world, faults, log, *clock, calls});
  add_night_routes(router, night, world, *clock);
  return {};
}

void Platform::Impl::on_control(const HttpRequest& request, const Responder& respond) {
  ControlReply reply = router.route(request.method, request.target, request.body);
  HttpReply http;
  http.status = reply.status;
  http.body = std::move(reply.body);
  respond(std::move(http));
}

HttpReply Platform::Impl::sealed(const std::string& json) const {
  HttpReply reply;
  reply.body = leqi::seal_page(json, *sealing);
  return reply;
}

void Platform::Impl::on_night(const std::string& service, const std::string& json, const FaultAction& fault,
                              const Responder& respond) {
  world.settle(clock->now());
  const auto machine = std::chrono::steady_clock::now().time_since_epoch();
  NightServices::Answer answer = night.handle(service, json, fault, clock->now(),
                                              std::chrono::duration_cast<std::chrono::milliseconds>(machine).count());
  if (fault.drop_after) return respond(broken(HttpReply::Fate::close));
  HttpReply reply;
  if (answer.retry_after_s) {
    reply.status = 429;
    reply.headers.emplace_back("Retry-After", std::to_string(*answer.retry_after_s));
    reply.body = R"({"error":"simulated"})";
  } else {
    reply = sealed(answer.page);
    if (fault.garbage) reply.body = kGarbage;
  }
  send(std::move(reply), fault, respond);
}

std::string Platform::Impl::handle(const std::string& service, const std::string& json, const std::string& signature,
                                   const FaultAction& fault) {
  RequestContext context;
  context.now = clock->now();
  context.protection = fault.protection;
  context.no_issue = fault.no_issue;
  context.arrived_ms = machine_ms();
  if (service == leqi::service::invoice_status) {
    const auto request = leqi::read_invoice_status(json);
    if (const auto known = request ? night.single(*request) : std::nullopt)
      return leqi::invoice_status_reply_json(*known);
  }
  std::string reply = services.handle(service, json, signature, context);
  if (fault.late_listing_ms && service == leqi::service::apply) {
    if (const auto applied = leqi::read_apply_reply(reply); applied && !applied->uuid.empty()) {
      world.hide(applied->uuid, true);
      loop.after(std::chrono::milliseconds(*fault.late_listing_ms),
                 [this, uuid = applied->uuid] { world.hide(uuid, false); });
    }
  }
  return reply;
}

void Platform::Impl::send(HttpReply reply, const FaultAction& fault, const Responder& respond) {
  if (fault.truncate_at) reply.truncate_at = fault.truncate_at;
  if (fault.date_off_s) reply.headers.emplace_back("Date", http_date(clock->now().plus_ms(*fault.date_off_s * 1000LL)));
  if (!fault.delay_ms) return respond(std::move(reply));
  loop.after(std::chrono::milliseconds(*fault.delay_ms), [respond, reply = std::move(reply)] { respond(reply); });
}

void Platform::Impl::on_call(const HttpRequest& request, const Responder& respond) {
  auto gateway_error = [&respond](std::string_view code, std::string_view message) {
    HttpReply reply;
    reply.body = leqi::make_error_reply(code, message);
    respond(std::move(reply));
  };
  const std::string service = service_of(request.target);
  if (request.method != "POST" || (!Services::known(service) && !NightServices::known(service)))
    return gateway_error("SIM-404", "服务不存在");
  std::string json = "{}";
  if (!request.body.empty() && request.body != "{}") {
    auto opened = leqi::open(request.body, options.sm4_key);
    if (!opened) return gateway_error("SIM-400", "请求报文解密失败");
    json = std::move(*opened);
  }
  ++calls[service];
  const auto header = request.headers.find(options.signature_header);
  const std::string signature = header == request.headers.end() ? std::string{} : header->second;
  const bool nightly = NightServices::known(service);
  const Services::Facts facts =
      nightly ? Services::Facts{NightServices::taxpayer_of(service, json), {}} : services.facts(service, json);
  const FaultAction fault = faults.decide(service, facts.taxpayer, facts.blue_number);

  if (fault.drop_before) return respond(broken(HttpReply::Fate::close));
  if (fault.stall) return respond(broken(HttpReply::Fate::hold));
  if (fault.late_arrival_ms) {
    loop.after(std::chrono::milliseconds(*fault.late_arrival_ms),
               [this, service, json, signature, fault] { handle(service, json, signature, fault); });
    return respond(broken(HttpReply::Fate::hold));
  }
  if (fault.status) {
    if (fault.handle) handle(service, json, signature, fault);
    HttpReply reply;
    reply.status = *fault.status;
    reply.body = R"({"error":"simulated"})";
    if (fault.retry_after_s) reply.headers.emplace_back("Retry-After", std::to_string(*fault.retry_after_s));
    return send(std::move(reply), fault, respond);
  }
  if (!fault.gateway_error.empty()) {
    HttpReply reply;
    reply.body = leqi::make_error_reply(fault.gateway_error, "模拟的网关错误");
    return send(std::move(reply), fault, respond);
  }
  if (nightly) return on_night(service, json, fault, respond);
  if (fault.wrong_signature) return send(sealed(Services::refusal_json(service, "签名验证失败")), fault, respond);

  std::string answer = handle(service, json, signature, fault);
  if (fault.drop_after) return respond(broken(HttpReply::Fate::close));
  if (fault.duplicate_answer) {
    if (std::string duplicate = Services::duplicate_json(service, json); !duplicate.empty())
      answer = std::move(duplicate);
  }
  HttpReply reply = sealed(answer);
  if (fault.garbage) reply.body = kGarbage;
  send(std::move(reply), fault, respond);
}

Platform::Platform(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Platform::~Platform() { impl_->loop.stop(); }

Result<std::unique_ptr<Platform>> Platform::start(PlatformOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (auto prepared = impl->prepare(); !prepared) return std::unexpected(std::move(prepared.error()));
  if (auto listening = impl->listen(); !listening) return std::unexpected(std::move(listening.error()));
  impl->loop.run();
  return std::unique_ptr<Platform>(new Platform(std::move(impl)));
}

std::uint16_t Platform::port() const { return impl_->port; }
std::uint16_t Platform::control_port() const { return impl_->control_port; }
const std::string& Platform::ca_path() const { return impl_->ca_path; }
const std::string& Platform::clock_path() const { return impl_->clock_path; }
const std::string& Platform::log_path() const { return impl_->log_path; }
const Bytes& Platform::sm4_key() const { return impl_->options.sm4_key; }
LegalClockFile& Platform::clock() { return *impl_->clock; }
void Platform::add_route(std::string method, std::string path, ControlHandler handler) {
  impl_->router.add(std::move(method), std::move(path), std::move(handler));
}

}  // namespace taxgate::simulator
