// Signing: what the key host and its worker add to a bare SCardTransmit of the same command to the same card, in the
// same run. Rounds alternate (bare, then each variant of the key host); medians of the rounds' medians are compared.
// Every signature is verified before a time is printed.
//
// Each signature is a chain of wake-ups (five without, nine with the key host). On a virtual machine a processor that
// has gone to sleep takes up to 50 µs to wake, which measures the machine; so a process of the idle class, which runs
// only when nothing else would, keeps every processor awake. --asleep leaves them alone.
//
//   bench_sign [--json] [--rounds N] [--signatures N] [--asleep]
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "drivers/gmt0017/card_session.h"
#include "drivers/pcsc/pcsc_transport.h"
#include "protocol/envelope.h"
#include "protocol/identifiers.h"
#include "protocol/keyd_frame.h"
#include "simulator/stand/child.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPin = "123456";
constexpr std::size_t kBodyBytes = 1500;  // a red with a few lines

/// One spinning process of the idle class a processor, for as long as this lives.
class Awake {
 public:
  Awake() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const sched_param none{};
        if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) ::_exit(1);
        for (volatile unsigned long turns = 0;; turns = turns + 1) {
        }
      }
      if (child > 0) children_.push_back(child);
    }
  }
  ~Awake() {
    for (const pid_t child : children_) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  Awake(const Awake&) = delete;
  Awake& operator=(const Awake&) = delete;

 private:
  std::vector<pid_t> children_;
};

struct Variant {
  std::string name, toml{};
  bool on_disk = false;  // where the key host's log is synced to: a disk, or memory (its sync then costs nothing)
  Row row{};             // of_rounds: medians in µs
};

/// The key host and its workers.
double host_cpu(pid_t keyd) {
  double sum = cpu_seconds(keyd);
  for (const pid_t worker : children_of(keyd)) sum += cpu_seconds(worker);
  return sum;
}

class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return;
    keyd::v1::Frame hello;
    hello.mutable_hello()->set_version_min(keyd::kVersionMin);
    hello.mutable_hello()->set_version_max(keyd::kVersionMax);
    greeted_ = call(hello).has_hello();
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  bool greeted() const { return greeted_; }

  keyd::v1::Frame call(const keyd::v1::Frame& frame) {
    std::string bytes;
    if (!keyd::append_frame(frame, bytes) || ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return {};
    for (;;) {
      if (auto next = cutter_.next(); next && *next) return std::move(**next);
      char buffer[8192];
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return {};
      cutter_.feed({buffer, static_cast<std::size_t>(n)});
    }
  }

 private:
  int fd_;
  bool greeted_ = false;
  keyd::FrameCutter cutter_;
};

class Bench {
 public:
  Bench(int rounds, int signatures) : rounds_(rounds), signatures_(signatures) {
    char memory[] = "/dev/shm/taxgate-bench-XXXXXX";
    if (!::mkdtemp(memory)) throw std::runtime_error("mkdtemp in memory");
    memory_ = memory;
    std::filesystem::create_directory(directory_ + "/pcscd");
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    taxpayer_ = "91990100TGDM0001";
    taxpayer_ += organisation_check(taxpayer_.substr(8, 8));
    taxpayer_ += credit_code_check(taxpayer_);
    pcscd_ = take(simulator::PrivatePcscd::start({.directory = directory_ + "/pcscd", .readers = 1}), "pcscd");
    ::setenv("PCSCLITE_CSOCK_NAME", pcscd_->socket().c_str(), 1);
    const auto authority = simulator::KeyAuthority::create("key CA", now);
    simulator::KeyDefinition definition;
    definition.serial = "BENCH0001";
    definition.taxpayer = taxpayer_;
    definition.name = "模拟企业";
    definition.pin = kPin;
    definition.admin_pin = "87654321";
    definition.valid_from_ms = now - 1000;
    definition.valid_until_ms = now + 86'400'000;
    key_ = take(simulator::VirtualKey::open(directory_ + "/card", definition, authority), "card");
    card_ = std::make_unique<simulator::VpcdCard>(*key_, "127.0.0.1", pcscd_->slots().at(0).port);
    card_->plug();
    std::ofstream(directory_ + "/pin") << kPin << "\n";
    std::filesystem::permissions(directory_ + "/pin", std::filesystem::perms(0600));
  }
  ~Bench() {
    card_.reset();
    pcscd_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(memory_, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// The floor: one session, one command, no process between.
  void bare_round(Variant& variant) {
    auto transport = connect();
    gmt0017::CardSession session(*transport);
    const auto app = take(session.open_application(key_->application()), "application");
    const auto container = take(session.open_container(app, key_->container()), "container");
    SecretBytes pin(std::string_view(kPin).size());
    std::copy_n(kPin, pin.size(), pin.span().begin());
    if (auto in = session.verify_pin(app, pin); !in) throw std::runtime_error(in.error().id);
    const auto facts = take(read_certificate(key_->certificate()), "certificate");
    measure(variant, own_cpu_seconds, [&](const Bytes& envelope) -> SignedEnvelope {
      const Digest e = sm2_e(kDefaultSignerId, facts.key, envelope);
      const auto command = gmt0017::ecc_sign_data(app, container, e);
      const auto start = Clock::now();
      auto answer = transport->transmit(command);
      last_us_ = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      const Bytes bytes = take(std::move(answer), "sign");
      const auto response = take(gmt0017::read_response(bytes), "answer");
      return {envelope, take(gmt0017::read_signature(response.data), "signature"), key_->certificate(),
              std::string(kDefaultSignerId), "bare"};
    });
  }

  void keyd_round(Variant& variant) {
    const std::string socket = directory_ + "/s", config = directory_ + "/keyd.toml";
    std::ofstream(config) << fmt::format(
        "socket = \"{0}\"\nstate_directory = \"{4}/state\"\n{2}\n[[pin]]\ntaxpayer = \"{3}\"\nfile = \"{1}/pin\"\n",
        socket, directory_, variant.toml, taxpayer_, variant.on_disk ? directory_ : memory_);
    simulator::Child keyd;
    if (auto started =
            keyd.start({std::string(TAXGATE_BIN_DIR) + "/taxgate-keyd", "--config", config}, {}, directory_ + "/log");
        !started)
      throw std::runtime_error(started.error().id);
    auto client = greet(socket);
    const auto cpu = [&] { return own_cpu_seconds() + host_cpu(keyd.pid()); };
    measure(variant, cpu, [&](const Bytes& envelope) -> SignedEnvelope {
      keyd::v1::Frame frame;
      auto* request = frame.mutable_sign();
      request->set_request(1);
      request->set_request_id(request_id_);
      request->set_taxpayer(taxpayer_);
      request->set_purpose("apply");
      request->set_message(envelope.data(), envelope.size());
      const auto start = Clock::now();
      const auto answer = client->call(frame);
      last_us_ = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      if (!answer.has_signed_() || answer.signed_().has_failure())
        throw std::runtime_error("not signed: " + answer.signed_().failure().id());
      SignedEnvelope result{envelope, {}, {}, answer.signed_().signer_id(), answer.signed_().key_serial()};
      std::copy(answer.signed_().signature().begin(), answer.signed_().signature().end(), result.signature.begin());
      result.certificate.assign(answer.signed_().certificate().begin(), answer.signed_().certificate().end());
      return result;
    });
    variant.row.rss_mb = std::max(variant.row.rss_mb, rss_mb(keyd.pid()));
    client.reset();
    keyd.stop();
  }

 private:
  std::unique_ptr<ApduTransport> connect() {
    // The key host of the round before lets go of the card within a moment.
    for (const auto until = Clock::now() + 10s;; std::this_thread::sleep_for(20ms)) {
      auto transport = pcsc::connect(pcscd_->slots().at(0).reader);
      if (transport) return std::move(*transport);
      if (Clock::now() > until) throw std::runtime_error("connect: " + transport.error().detail);
    }
  }

  std::unique_ptr<Client> greet(const std::string& socket) {
    for (const auto until = Clock::now() + 10s; Clock::now() < until; std::this_thread::sleep_for(10ms)) {
      auto client = std::make_unique<Client>(socket);
      if (!client->greeted()) continue;
      keyd::v1::Frame list;
      list.mutable_list_keys();
      const auto keys = client->call(list);
      for (const auto& key : keys.keys().keys())
        if (key.state() == "ready") return client;
    }
    throw std::runtime_error("keyd is not ready");
  }

  /// cpu  seconds of processor time so far, of all who take part (the virtual card is in this process)
  template <class Cpu, class Sign>
  void measure(Variant& variant, Cpu cpu_now, Sign sign) {
    std::vector<double> times;
    std::vector<SignedEnvelope> results;
    const double cpu = cpu_now();
    const auto start = Clock::now();
    for (int i = 0; i < signatures_; ++i) {
      request_id_ = fmt::format("bench-{}-{}", variant.name, serial_++);
      const auto envelope = take(
          make_envelope({.channel = "simulator", .taxpayer = taxpayer_, .purpose = "apply", .request_id = request_id_},
                        as_bytes(body_)),
          "envelope");
      results.push_back(sign(envelope));
      times.push_back(last_us_);
    }
    variant.row.seconds += seconds_since(start);
    variant.row.cpu_seconds += cpu_now() - cpu;
    for (const auto& result : results) {
      take(verify_envelope(result, taxpayer_), "a signature does not verify: " + variant.name);
      ++variant.row.checked;
    }
    // The first tenth warms caches and connections.
    times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10));
    variant.row.of_rounds.push_back(median(std::move(times)));
  }

 public:
  /// SM2 verification alone, in this process: what `verify_signatures` costs.
  void verification_round(Variant& variant) {
    const auto envelope =
        take(make_envelope({.channel = "simulator", .taxpayer = taxpayer_, .purpose = "apply", .request_id = "v"},
                           as_bytes(body_)),
             "envelope");
    auto transport = connect();
    const auto facts = take(read_certificate(key_->certificate()), "certificate");
    const Digest e = sm2_e(kDefaultSignerId, facts.key, envelope);
    gmt0017::CardSession session(*transport);
    const auto app = take(session.open_application(key_->application()), "application");
    const auto container = take(session.open_container(app, key_->container()), "container");
    SecretBytes pin(std::string_view(kPin).size());
    std::copy_n(kPin, pin.size(), pin.span().begin());
    if (auto in = session.verify_pin(app, pin); !in) throw std::runtime_error(in.error().id);
    const auto signature = take(session.sign_digest(app, container, e), "sign");
    std::vector<double> times;
    const double cpu = own_cpu_seconds();
    const auto begin = Clock::now();
    for (int i = 0; i < signatures_; ++i) {
      const auto start = Clock::now();
      if (!take(sm2_verify(facts.key, e, signature), "verify")) throw std::runtime_error("does not verify");
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
      ++variant.row.checked;
    }
    variant.row.seconds += seconds_since(begin);
    variant.row.cpu_seconds += own_cpu_seconds() - cpu;
    variant.row.of_rounds.push_back(median(std::move(times)));
  }

  void run(std::vector<Variant>& variants) {
    for (int round = 0; round < rounds_; ++round)
      for (auto& variant : variants) {
        if (variant.name == "bare") {
          bare_round(variant);
        } else if (variant.name == "verification") {
          verification_round(variant);
        } else {
          keyd_round(variant);
        }
      }
  }

 private:
  const int rounds_, signatures_;
  const DiskDirectory disk_;
  const std::string directory_ = disk_.path();
  std::string memory_, taxpayer_, request_id_;
  const std::string body_ = std::string(kBodyBytes, 'x');
  std::unique_ptr<simulator::PrivatePcscd> pcscd_;
  std::unique_ptr<simulator::VirtualKey> key_;
  std::unique_ptr<simulator::VpcdCard> card_;
  double last_us_ = 0;
  long serial_ = 0;
};

void run(bool json, int rounds, int signatures, bool asleep) {
  std::vector<Variant> variants{
      {.name = "bare"},
      {.name = "keyd and worker", .toml = "verify_signatures = false"},
      {.name = "keyd, verifying"},
      {.name = "keyd, verifying, log beside the card on disk", .toml = "log_sync = \"before_reply\"", .on_disk = true},
      {.name = "keyd, verifying, log before the card on disk", .on_disk = true},
      {.name = "verification"}};
  {
    std::optional<Awake> awake;
    if (!asleep) awake.emplace();
    Bench(rounds, signatures).run(variants);
  }
  const double floor = variants[0].row.middle();
  if (!json)
    fmt::print("{:<52} {:>9} {:>9} {:>9} {:>9} {:>7}\n", "sign (µs, median of rounds)", "median", "min", "max",
               "over bare", "RSS MB");
  for (auto& [name, toml, on_disk, row] : variants) {
    row.bench = "sign";
    row.variant = name;
    row.parameters = fmt::format(R"({{"awake":{},"signatures":{},"body_bytes":{}}})", !asleep, signatures, kBodyBytes);
    row.unit = "µs";
    row.per_second = 1e6 / row.middle();
    const bool compared = name.starts_with("keyd");
    if (compared) row.more = fmt::format(R"(,"over_bare_us":{:.1f})", row.middle() - floor);
    if (json)
      row.print_json();
    else
      fmt::print("{:<52} {:>9.1f} {:>9.1f} {:>9.1f} {:>9} {:>7.1f}\n", name, row.middle(), row.least(), row.most(),
                 compared ? fmt::format("{:+.1f}", row.middle() - floor) : "", row.rss_mb);
  }
  if (!json)
    fmt::print(
        "processors {}; goal: keyd and worker at most +150 µs; verification and the sync of the log have their own "
        "rows; all {} signatures a variant verified\n",
        asleep ? "left to sleep between the steps" : "kept awake", variants[0].row.checked);
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  int rounds = 5, signatures = 400;
  bool asleep = false;
  taxgate::bench::Program program("sign", "a signature through key host and worker beside a bare SCardTransmit");
  program.number("--rounds", rounds, 1, 1000, "rounds of each variant")
      .number("--signatures", signatures, 10, 100'000, "in a round")
      .flag("--asleep", asleep, "let processors sleep between the steps");
  return program.run(argc, argv, [&](bool json) { taxgate::bench::run(json, rounds, signatures, asleep); });
}
