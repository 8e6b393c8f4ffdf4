#pragma once
// A store in a directory of its own, with blocking forms of the writes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>

#include "daemon/core/clock.h"
#include "daemon/store/store.h"
#include "tests/sanitizer.h"

namespace taxgate::store {

// Points of the crash tests: every one in the plain build. A sanitizer looks for other faults and is ten times slower;
// every ninth point takes it through the same code. (Odd: power is cut in another manner at even points.)
inline constexpr long kPointStep = tests::kSanitized ? 9 : 1;

inline const Principal kErp{"erp", {"submitter"}, {}};
inline const Principal kDaemon{"taxgated", {}, {}};

/// Calls `start` with a Done and waits for its answer.
template <class T, class F>
Result<T> wait_for(F start) {
  std::promise<Result<T>> promise;
  auto future = promise.get_future();
  start(Done<T>([&promise](Result<T> r) { promise.set_value(std::move(r)); }));
  return future.get();
}

inline Submission wanted(const std::string& key, const std::string& blue = "26990000000000000001") {
  Submission s;
  s.kind = Kind::red;
  s.state = State::queued;
  s.step = Step::apply;
  s.taxpayer = "91310115TGDM00011U";
  s.caller = "erp";
  s.idempotency_key = key;
  s.lane = s.blue_number = blue;
  s.request = "request of " + key;
  s.document = "document of " + key;
  s.amount = Fen{-30'000'000};
  s.tax = Fen{-3'900'000};
  return s;
}

inline JournalRow journal_row(std::string event = "state") {
  JournalRow r;
  r.event = std::move(event);
  r.principal = "taxgated";
  r.detail = "a test";
  return r;
}

inline Result<Accepted> accept(Store& store, Submission s, std::vector<Invoice> invoices = {}) {
  return wait_for<Accepted>(
      [&](Done<Accepted> done) { store.accept(std::move(s), kErp, std::move(invoices), std::move(done)); });
}
inline Result<Submission> advance(Store& store, Advance a) {
  return wait_for<Submission>([&](Done<Submission> done) { store.advance(std::move(a), std::move(done)); });
}
inline Result<Submission> advance_to(Store& store, Submission s, State state) {
  s.state = state;
  Advance a;
  a.next = std::move(s);
  a.rows = {journal_row()};
  return advance(store, std::move(a));
}

inline Invoice sample_invoice(const std::string& number) {
  Invoice i;
  i.number = number;
  i.type = "81";
  i.issued_at = {1'793'600'000'000};
  i.seller = {"91310115TGDM00011U", "示例制造有限公司"};
  i.buyer = {"91420106TGDM00214A", "示例商贸有限公司"};
  InvoiceLine line;
  line.number = 1;
  line.tax_code = "1090131050000000000";
  line.name = "*制冷空调设备*变频空调 35GW";
  line.unit = "台";
  line.quantity = Decimal::from_int(500);
  line.price = Decimal::from_int(2000);
  line.amount = {100'000'000};
  line.rate = *Decimal::parse("0.13");
  line.tax = {13'000'000};
  i.lines = {line};
  i.amount = line.amount;
  i.tax = line.tax;
  i.use = "1";
  i.booking = "02";
  i.status = "0";
  return i;
}

inline SignedEnvelope sample_envelope(char fill) {
  SignedEnvelope e;
  e.bytes.assign(600, static_cast<std::uint8_t>(fill));
  e.signature.fill(static_cast<std::uint8_t>(fill));
  e.certificate.assign(400, static_cast<std::uint8_t>(fill + 1));
  e.signer_id = "1234567812345678";
  e.key_serial = std::string("SERIAL-") + fill;
  return e;
}

/// Where durability is not the disk's business (killed processes, simulated power cuts), memory is as good and much
/// quicker.
inline std::string fast_directory() {
  return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : testing::TempDir();
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override { make_directory(testing::TempDir()); }
  void make_directory(const std::string& parent) {
    std::string pattern = parent + "/taxgate_storeXXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    reader_.reset();
    store_.reset();
    std::filesystem::remove_all(dir_);
  }
  std::string path() const { return dir_ + "/taxgate.db"; }
  Options options() const {
    Options o;
    o.path = path();
    o.clock = &clock_;
    return o;
  }
  void open() { open(options()); }
  void open(Options o) {
    auto opened = Store::open(std::move(o));
    ASSERT_TRUE(opened) << opened.error().id << ": " << opened.error().wanted << " " << opened.error().detail;
    store_ = *std::move(opened);
    auto reader = store_->reader();
    ASSERT_TRUE(reader) << reader.error().id;
    reader_ = *std::move(reader);
  }
  void close() {
    reader_.reset();
    store_.reset();
  }
  void reopen() {
    close();
    open();
  }
  std::string dir_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Reader> reader_;
};

}  // namespace taxgate::store
