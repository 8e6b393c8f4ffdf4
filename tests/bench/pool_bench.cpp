// The pool: how many times as fast 2 and 4 keys of one taxpayer sign as one does, through taxgated's client of the key
// host, the key host, its workers and real pcscd. Keys take as long as real ones do. Every signature is verified and
// every key's share is counted before a time is printed; rounds of 1, 2 and 4 keys alternate.
//
//   bench_pool [--json] [--rounds N] [--signatures N (a key)] [--key-ms N]
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "daemon/keys/key_host_client.h"
#include "protocol/identifiers.h"
#include "simulator/stand/child.h"
#include "simulator/vpcd/private_pcscd.h"
#include "simulator/vpcd/vpcd_card.h"
#include "tests/bench/program.h"

namespace taxgate::bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPin = "123456";
constexpr unsigned kKeys = 4;
constexpr std::uint8_t kSignIns = 0x74;

/// A key that takes its time to sign. (A delay as a fault of the card would cost 40 ms more: a command that is looked
/// at before it is taken is acknowledged late.)
class SlowKey final : public simulator::CardDevice {
 public:
  SlowKey(simulator::VirtualKey& key, std::chrono::milliseconds time) : key_(key), time_(time) {}
  Bytes process(ByteView apdu) override {
    if (apdu.size() > 1 && apdu[1] == kSignIns) std::this_thread::sleep_for(time_);
    return key_.process(apdu);
  }
  void power_on() override { key_.power_on(); }
  void power_off() override { key_.power_off(); }
  void reset() override { key_.reset(); }

 private:
  simulator::VirtualKey& key_;
  const std::chrono::milliseconds time_;
};

class Bench {
 public:
  explicit Bench(unsigned key_ms) : lane_("verify") {
    std::filesystem::create_directory(directory_ + "/pcscd");
    const auto now =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    taxpayer_ = "91990100TGDM0001";
    taxpayer_ += organisation_check(taxpayer_.substr(8, 8));
    taxpayer_ += credit_code_check(taxpayer_);
    pcscd_ = take(simulator::PrivatePcscd::start({.directory = directory_ + "/pcscd", .readers = kKeys / 2}), "pcscd");
    const auto authority = simulator::KeyAuthority::create("key CA", now);
    for (unsigned i = 0; i < kKeys; ++i) {
      simulator::KeyDefinition definition;
      definition.serial = fmt::format("BENCH{:04}", i);
      definition.taxpayer = taxpayer_;
      definition.name = "模拟企业";
      definition.pin = kPin;
      definition.admin_pin = "87654321";
      definition.valid_from_ms = now - 1000;
      definition.valid_until_ms = now + 86'400'000;
      keys_.push_back(
          take(simulator::VirtualKey::open(fmt::format("{}/card{}", directory_, i), definition, authority), "card"));
      slow_.push_back(std::make_unique<SlowKey>(*keys_[i], std::chrono::milliseconds(key_ms)));
      cards_.push_back(std::make_unique<simulator::VpcdCard>(*slow_[i], "127.0.0.1", pcscd_->slots().at(i).port));
    }
    std::ofstream(directory_ + "/pin") << kPin << "\n";
    std::filesystem::permissions(directory_ + "/pin", std::filesystem::perms(0600));
    const std::string config = directory_ + "/keyd.toml";
    std::ofstream(config) << fmt::format(
        "socket = \"{0}/s\"\nstate_directory = \"{0}/state\"\n[[pin]]\ntaxpayer = \"{1}\"\nfile = \"{0}/pin\"\n",
        directory_, taxpayer_);
    if (auto started = keyd_.start({std::string(TAXGATE_BIN_DIR) + "/taxgate-keyd", "--config", config},
                                   {"PCSCLITE_CSOCK_NAME=" + pcscd_->socket()}, directory_ + "/log");
        !started)
      throw std::runtime_error(started.error().id);
    client_ = keys::connect_key_host(io_, lane_, {.socket = directory_ + "/s"});
  }
  ~Bench() {
    client_.reset();
    keyd_.stop();
    cards_.clear();
    pcscd_.reset();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// One round with the first `count` keys plugged, added to `row`.
  void round(unsigned count, int signatures, Row& row) {
    for (unsigned i = 0; i < kKeys; ++i) i < count ? cards_[i]->plug() : cards_[i]->unplug();
    run_until("keys", [&] {
      const auto list = client_->keys();
      return std::ranges::count(list, "ready", &keys::KeyFacts::state) == static_cast<std::ptrdiff_t>(count);
    });
    const int orders = signatures * static_cast<int>(count);
    std::vector<SignedEnvelope> results;
    const double cpu = own_cpu_seconds() + host_cpu();
    const auto start = Clock::now();
    for (int i = 0; i < orders; ++i) {
      const std::string id = fmt::format("pool-{}", serial_++);
      client_->sign(
          {.request_id = id,
           .taxpayer = taxpayer_,
           .purpose = "apply",
           .envelope =
               take(make_envelope({.channel = "simulator", .taxpayer = taxpayer_, .purpose = "apply", .request_id = id},
                                  as_bytes(body_)),
                    "envelope"),
           .deadline_ms = 10'000},
          [&](Result<SignedEnvelope> result) { results.push_back(take(std::move(result), "sign")); });
    }
    run_until("signatures", [&] { return results.size() == static_cast<std::size_t>(orders); });
    const double seconds = seconds_since(start);
    row.cpu_seconds += own_cpu_seconds() + host_cpu() - cpu;
    row.seconds += seconds;
    row.of_rounds.push_back(orders / seconds);
    row.rss_mb = std::max(row.rss_mb, rss_mb(keyd_.pid()));
    std::set<std::string> signers, requests;
    for (const auto& one : results) {
      take(verify_envelope(one, taxpayer_), "a signature does not verify");
      signers.insert(one.key_serial);
      requests.insert(take(read_envelope(one.bytes), "envelope").header.request_id);
    }
    row.checked += expect_count("requests signed", results.size(), requests.size());
    expect_count("keys that signed", count, signers.size());
  }

 private:
  /// The key host and its workers.
  double host_cpu() const {
    double sum = cpu_seconds(keyd_.pid());
    for (const pid_t worker : children_of(keyd_.pid())) sum += cpu_seconds(worker);
    return sum;
  }

  void run_until(const char* what, const std::function<bool()>& so) {
    for (const auto until = Clock::now() + 60s; !so();) {
      if (Clock::now() > until) throw std::runtime_error(std::string("no ") + what);
      io_.restart();
      io_.run_one_for(5ms);
    }
  }

  const DiskDirectory disk_;
  const std::string directory_ = disk_.path();
  std::string taxpayer_;
  const std::string body_ = std::string(1500, 'x');  // a red with a few lines
  std::unique_ptr<simulator::PrivatePcscd> pcscd_;
  std::vector<std::unique_ptr<simulator::VirtualKey>> keys_;
  std::vector<std::unique_ptr<SlowKey>> slow_;
  std::vector<std::unique_ptr<simulator::VpcdCard>> cards_;
  simulator::Child keyd_;
  boost::asio::io_context io_;
  Lane lane_;  // ends before io_: what it verified it hands to io_
  std::unique_ptr<keys::KeyHost> client_;
  long serial_ = 0;
};

void run(bool json, int rounds, int signatures, unsigned key_ms) {
  std::vector<std::pair<unsigned, Row>> rows;
  for (const unsigned count : {1U, 2U, kKeys})
    rows.push_back(
        {count,
         {.bench = "pool",
          .variant = fmt::format("{} key{}", count, count == 1 ? "" : "s"),
          .parameters = fmt::format(R"({{"signatures":{},"key_ms":{}}})", signatures * static_cast<int>(count), key_ms),
          .unit = "signatures a second"}});
  {
    Bench bench(key_ms);
    for (int round = 0; round < rounds; ++round)
      for (auto& [count, row] : rows) bench.round(count, signatures, row);
  }
  const double one = rows.front().second.middle();
  if (!json) fmt::print("{:<24} {:>12} {:>9} {:>9} {:>9}\n", "pool", "signatures/s", "min", "max", "times one");
  for (auto& [count, row] : rows) {
    row.per_second = row.middle();
    row.more = fmt::format(R"(,"times_one":{:.2f})", row.middle() / one);
    if (json)
      row.print_json();
    else
      fmt::print("{:<24} {:>12.1f} {:>9.1f} {:>9.1f} {:>9.2f}\n", fmt::format("{} of {} ms", row.variant, key_ms),
                 row.middle(), row.least(), row.most(), row.middle() / one);
  }
  if (!json) fmt::print("goal: 2 keys 1.9 times, 4 keys 3.6 times; all signatures verified, every key took part\n");
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  int rounds = 3, signatures = 100;
  unsigned key_ms = 20;
  taxgate::bench::Program program("pool", "signatures a second of 1, 2 and 4 keys of one taxpayer");
  program.number("--rounds", rounds, 1, 1000, "rounds of each")
      .number("--signatures", signatures, 1, 100'000, "of each key in a round")
      .number("--key-ms", key_ms, 0, 10'000, "how long a key takes to sign");
  return program.run(argc, argv, [&](bool json) { taxgate::bench::run(json, rounds, signatures, key_ms); });
}
