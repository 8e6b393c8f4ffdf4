// The night sync: kernel, durable changes, applied status; beside other stores fed with the same pages in turn; then
// the wire's stages. Every result is compared record by record before a time of it is printed. Pages are made one at a
// time and not timed.
//   bench_sync [--records N] [--changed PERCENT] [--rounds R] [--no-rivals] [--postgres] [--wire-only] [--json]
// --rounds 0: the first load alone, and SQLite's bulk insert of the same rows.
#include <sys/resource.h>
#include <time.h>

#include <future>

#include "daemon/core/clock.h"
#include "daemon/store/store.h"
#include "daemon/sync/merge.h"
#include "protocol/wire_kernels.h"
#include "tests/bench/listing_pages.h"
#include "tests/bench/measure.h"
#include "tests/bench/postgres_rival.h"
#include "tests/bench/sync_rivals.h"

namespace taxgate::bench {
namespace {

constexpr std::uint64_t kPage = 10'000;
constexpr std::size_t kBatch = 8192;  // changes handed to the store at a time
constexpr const char* kTaxpayer = "91310115TGDM00011U";

struct Wish {
  std::uint64_t records = 1'000'000;
  double share = 0.01;
  std::uint64_t rounds = 5;
  bool json = false, rivals = true, postgres = false, wire_only = false;
};

double cpu_now() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class T, class F>
T wait_for(const char* what, F start) {
  std::promise<Result<T>> promise;
  auto future = promise.get_future();
  start(store::Done<T>([&promise](Result<T> r) { promise.set_value(std::move(r)); }));
  return take(future.get(), what);
}

/// Wall and CPU seconds (of the whole process, so the writer's too).
struct Span {
  double wall = 0, cpu = 0;
  Span operator+(const Span& b) const { return {wall + b.wall, cpu + b.cpu}; }
};
class Stopwatch {
 public:
  Span stop() const { return {seconds_since(start_), cpu_now() - cpu_}; }

 private:
  const Clock::time_point start_ = Clock::now();
  const double cpu_ = cpu_now();
};
struct Times {
  Span kernel, durable, applied, copied;  // copied: what is left of the log when all is applied
  Span all() const { return kernel + durable + applied; }
};

class Ours {
 public:
  Ours(const std::string& directory, World even, World clustered)
      : even_(even), clustered_(clustered), path_(directory + "/taxgate.db") {
    store::Options o;
    o.path = path_;
    o.clock = &clock_;
    store_ = take(store::Store::open(std::move(o)), "open");
    taxpayer_ = wait_for<std::uint32_t>(
        "taxpayer", [&](store::Done<std::uint32_t> d) { store_->night().taxpayer_number(kTaxpayer, std::move(d)); });
    reader_ = take(store_->night().reader(), "reader");
  }

  template <class Order>
  Times night(Pages& pages, std::uint64_t even, std::uint64_t clustered, Order order) {
    Times t;
    ++run_;
    mirror_.begin();
    for (std::uint64_t from = 0; from < even_.records; from += kPage) {
      const auto& page = pages.page(from, std::min(kPage, even_.records - from), even, clustered, order);
      const Stopwatch watch;
      take(sync::merge_page(mirror_, listing::Form::protobuf, taxpayer_, as_bytes(page), workspace_, batch_), "page");
      t.kernel = t.kernel + watch.stop();
      if (batch_.changes.size() >= kBatch) flush(t, from);
    }
    flush(t, even_.records);
    apply(t);
    const Stopwatch watch;
    copy_log();
    t.copied = watch.stop();
    return t;
  }

  /// Compares what the store says with what the platform showed; returns how many are right.
  std::uint64_t verified(std::uint64_t even, std::uint64_t clustered) {
    std::uint64_t right = 0;
    take(reader_->each_status([&](const InvoiceKey& key, PlatformStatus s, std::uint64_t) {
      const auto i = index_of(key);
      if (s.text(StatusField::lock) == (even_.even_now(i, even) ? "Y" : "N") &&
          s.text(StatusField::abnormal) == (clustered_.cluster_now(i, clustered) ? "03" : "01") &&
          s.text(StatusField::state) == "0" && key == key_of(taxpayer_, i))
        ++right;
    }),
         "verify");
    return right;
  }
  Span reload() {
    const Stopwatch watch;
    mirror_.clear();
    take(reader_->each_status(
             [&](const InvoiceKey& key, PlatformStatus s, std::uint64_t hash) { mirror_.put(key, s, hash); }),
         "reload");
    return watch.stop();
  }
  Span reload_from_file(const std::string& path) {
    {
      std::ofstream out(path, std::ios::binary);
      mirror_.save(1, [&](ByteView piece) {
        out.write(reinterpret_cast<const char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
      });
    }
    const auto known = mirror_.size();
    const Stopwatch watch;
    std::ifstream in(path, std::ios::binary);
    const auto stamp = mirror_.load([&](std::span<std::uint8_t> into) {
      in.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
      return in.good();
    });
    const Span span = watch.stop();
    if (!stamp || mirror_.size() != known) throw std::runtime_error("the mirror did not come back");
    return span;
  }
  sync::Mirror& mirror() { return mirror_; }
  const sync::Counts& counts() const { return sums_; }

 private:
  void flush(Times& t, std::uint64_t cursor) {
    const Stopwatch watch;
    store::NightBatch b;
    b.run = run_;
    b.taxpayer = kTaxpayer;
    b.cursor = "night:bench";
    b.cursor_value = static_cast<std::int64_t>(cursor);
    b.changes.reserve(batch_.changes.size());
    b.invoices.reserve(batch_.facts.size());
    for (const auto& c : batch_.changes) {
      b.changes.push_back({0, run_, {}, c.key, c.before, c.after, c.hash});
      if (c.kind == sync::ChangeKind::added)
        b.invoices.push_back(sync::invoice_of(batch_.facts[static_cast<std::size_t>(c.facts)], c.after));
    }
    if (!batch_.quarantined.empty()) throw std::runtime_error("a record was quarantined");
    pending_ += b.changes.size();
    wait_for<store::NightCommitted>(
        "commit", [&](store::Done<store::NightCommitted> d) { store_->night().commit(std::move(b), std::move(d)); });
    sums_ = batch_.counts;
    batch_.clear();
    t.durable = t.durable + watch.stop();
    if (pending_ >= 100'000) apply(t);
  }
  void apply(Times& t) {
    const Stopwatch watch;
    for (;;) {
      auto plan = take(reader_->plan(100'000), "plan");
      if (plan.rows.empty()) break;
      wait_for<std::int64_t>(
          "apply", [&](store::Done<std::int64_t> d) { store_->night().apply(std::move(plan), std::move(d)); });
    }
    pending_ = 0;
    t.applied = t.applied + watch.stop();
  }

  // Of the file, by a connection that knows nothing of the store; again while the store's own copy is under way.
  void copy_log() {
    sqlite3* db = nullptr;
    if (sqlite3_open(path_.c_str(), &db) != SQLITE_OK) throw std::runtime_error("sqlite open");
    sql(db, "SELECT name FROM meta");  // a connection that has read nothing has no log
    int pages = 0, copied = -1;
    for (int code = SQLITE_BUSY; code == SQLITE_BUSY || pages != copied;)
      if (code = sqlite3_wal_checkpoint_v2(db, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
          code != SQLITE_OK && code != SQLITE_BUSY)
        throw std::runtime_error("checkpoint");
    sqlite3_close(db);
  }

  const World even_, clustered_;
  const std::string path_;
  SystemLegalClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::NightReader> reader_;
  std::uint32_t taxpayer_ = 0;
  std::int64_t run_ = 0;
  std::size_t pending_ = 0;
  sync::Mirror mirror_;
  sync::Workspace workspace_;
  sync::Batch batch_;
  sync::Counts sums_;
};

Span night_of(Rival& rival, Pages& pages, std::uint64_t records, std::uint64_t even, std::uint64_t clustered) {
  Span sum;
  const double others = rival.other_cpu();
  std::vector<listing::Slice> slices;
  {
    const Stopwatch watch;
    rival.begin();
    sum = sum + watch.stop();
  }
  for (std::uint64_t from = 0; from < records; from += kPage) {
    const auto& page =
        pages.page(from, std::min(kPage, records - from), even, clustered, [](std::uint64_t i) { return i; });
    const Stopwatch watch;
    take(listing::split(listing::Form::protobuf, as_bytes(page), slices), "split");
    for (const auto& s : slices)
      rival.record(take(listing::decode(listing::Form::protobuf, 1, as_bytes(page).subspan(s.at, s.size)), "record"));
    if ((from + kPage) % kCommit == 0) rival.commit();
    sum = sum + watch.stop();
  }
  const Stopwatch watch;
  rival.end();
  sum = sum + watch.stop();
  sum.cpu += rival.other_cpu() - others;
  return sum;
}

void check_rival(Rival& rival, const World& world, std::uint64_t even, std::uint64_t clustered) {
  std::uint64_t right = 0;
  rival.each([&](std::uint64_t rest, std::uint64_t bits) {
    const auto i = index_of({0, rest});
    const PlatformStatus s{bits};
    if (s.text(StatusField::lock) == (world.even_now(i, even) ? "Y" : "N") &&
        s.text(StatusField::abnormal) == (world.cluster_now(i, clustered) ? "03" : "01"))
      ++right;
  });
  if (right != world.records)
    throw std::runtime_error(fmt::format("{}: {} of {} right", rival.name(), right, world.records));
}

double median_cpu(const std::vector<Span>& spans) {
  std::vector<double> cpu;
  for (const auto& s : spans) cpu.push_back(s.cpu);
  return median(cpu);
}

class Report {
 public:
  explicit Report(const Wish& wish) : wish_(wish) {}
  void row(const std::string& variant, const std::vector<Span>& spans, std::uint64_t records, double ours,
           std::uint64_t verified, double rss = 0) const {
    std::vector<double> seconds, cpu;
    for (const auto& span : spans) {
      seconds.push_back(span.wall);
      cpu.push_back(span.cpu);
    }
    const double m = median(seconds), low = *std::ranges::min_element(seconds),
                 high = *std::ranges::max_element(seconds);
    if (wish_.json) {
      Row r;
      r.bench = "sync";
      r.variant = variant;
      r.parameters = fmt::format("{{\"records\":{},\"changed\":{}}}", records, wish_.share);
      r.seconds = m;
      r.cpu_seconds = median(cpu);
      r.min = low;
      r.max = high;
      r.rounds = seconds.size();
      r.per_second = static_cast<double>(records) / m;
      r.verified = verified;
      r.rss_mb = rss;
      r.print_json();
    } else {
      fmt::print("{:<44} {:>8.3f} s ({:.3f}-{:.3f})  cpu {:>7.3f} s {:>6.2f} M/s  {}\n", variant, m, low, high,
                 median(cpu), static_cast<double>(records) / median(cpu) / 1e6,
                 ours > 0 ? fmt::format("cpu {:.2f} x ours", median(cpu) / ours) : "");
    }
    std::fflush(stdout);
  }

 private:
  const Wish wish_;
};

void nights(const Wish& wish, const Report& report) {
  const World even{wish.records, wish.share, false}, clustered{wish.records, wish.share, true};
  const auto in_order = [](std::uint64_t i) { return i; };
  DiskDirectory directory;
  Pages pages(listing::Form::protobuf, even);
  Ours ours(directory.path(), even, clustered);
  const auto first = ours.night(pages, 0, 0, in_order);
  if (ours.verified(0, 0) != wish.records) throw std::runtime_error("first load is wrong");
  report.row("first load (facts, changes, status)", {first.all()}, wish.records, 0, wish.records);
  report.row("first load, log copied", {first.all() + first.copied}, wish.records, 0, wish.records);
  if (wish.rivals) {
    const Span bulk =
        bulk_insert(directory.path() + "/taxgate.db", directory.path() + "/bulk.db", [] { return Stopwatch(); });
    report.row("first load: SQLite bulk insert, same rows", {bulk}, wish.records, first.all().cpu, wish.records);
  }
  if (wish.rounds == 0) return;  // the first load alone
  const Span reload = ours.reload();
  const Span from_file = ours.reload_from_file(directory.path() + "/mirror");
  report.row("mirror filled from the store", {reload}, wish.records, 0, wish.records, rss_mb(::getpid()));
  report.row("mirror filled from its file", {from_file}, wish.records, 0, wish.records, rss_mb(::getpid()));

  std::vector<std::unique_ptr<Rival>> rivals;
  if (wish.rivals) {
    rivals.push_back(std::make_unique<SqliteRival>(directory.path() + "/upsert.db", true));
    rivals.push_back(std::make_unique<SqliteRival>(directory.path() + "/scan.db", false));
    rivals.push_back(std::make_unique<LmdbRival>(directory.path() + "/lmdb"));
    rivals.push_back(std::make_unique<RocksRival>(directory.path() + "/rocks"));
    if (wish.postgres) {
      const std::string programs = postgres_programs();
      if (programs.empty()) throw std::runtime_error("PostgreSQL is not installed: ./run bench sync --postgres does");
      rivals.push_back(std::make_unique<PostgresRival>(programs));
    }
    for (auto& r : rivals) {
      const Span s = night_of(*r, pages, wish.records, 0, 0);
      check_rival(*r, even, 0, 0);
      report.row(std::string("first load, status only: ") + r->name(), {s}, wish.records, 0, wish.records);
    }
  }
  for (const bool cluster : {false, true}) {
    std::vector<Span> kernel, durable, applied, copied;
    std::vector<std::vector<Span>> others(rivals.size());
    const auto spread = cluster ? "clustered" : "even";
    for (std::uint64_t round = 1; round <= wish.rounds; ++round) {
      const std::uint64_t e = cluster ? wish.rounds : round, c = cluster ? round : 0;
      const auto t = ours.night(pages, e, c, in_order);
      if (ours.verified(e, c) != wish.records) throw std::runtime_error("a night is wrong");
      if (ours.counts().quarantined != 0) throw std::runtime_error("a record was quarantined");
      kernel.push_back(t.kernel);
      durable.push_back(t.kernel + t.durable);
      applied.push_back(t.all());
      copied.push_back(t.all() + t.copied);
      for (std::size_t i = 0; i < rivals.size(); ++i) {
        others[i].push_back(night_of(*rivals[i], pages, wish.records, e, c));
        check_rival(*rivals[i], even, e, c);
      }
    }
    report.row(fmt::format("{}: kernel alone", spread), kernel, wish.records, 0, wish.records);
    report.row(fmt::format("{}: changes durable", spread), durable, wish.records, 0, wish.records);
    report.row(fmt::format("{}: status applied", spread), applied, wish.records, 0, wish.records);
    report.row(fmt::format("{}: applied, log copied", spread), copied, wish.records, 0, wish.records);
    for (std::size_t i = 0; i < rivals.size(); ++i)
      report.row(fmt::format("{}: {}", spread, rivals[i]->name()), others[i], wish.records, median_cpu(copied),
                 wish.records);
  }
  // The same night once more, in an order that has nothing to do with the keys: nothing changes, every record is found.
  std::uint64_t prime = 7'368'787;
  const auto shuffled = [&](std::uint64_t i) { return i * prime % wish.records; };
  if (wish.records % prime == 0) prime = 7'368'791;
  std::vector<Span> random;
  for (std::uint64_t round = 0; round < std::min<std::uint64_t>(wish.rounds, 3); ++round) {
    random.push_back(ours.night(pages, wish.rounds, wish.rounds, shuffled).kernel);
    if (ours.counts().unchanged == 0 || ours.counts().changed + ours.counts().added != 0)
      throw std::runtime_error("random order: not all found");
  }
  report.row("random order: kernel alone", random, wish.records, 0, wish.records);
  if (!wish.json)
    fmt::print("mirror {:.1f} bytes a record, database {:.0f}, resident {:.0f} MB, record {} bytes\n",
               static_cast<double>(ours.mirror().bytes()) / static_cast<double>(ours.mirror().size()),
               static_cast<double>(std::filesystem::file_size(directory.path() + "/taxgate.db")) /
                   static_cast<double>(wish.records),
               rss_mb(::getpid()), pages.record_bytes());
}

// One core, CPU time, a million records of the JSON form; each stage over the same bytes, in pieces of one TLS record.
void wire_stages(const Wish& wish, const Report& report) {
  constexpr std::uint64_t kRecords = 200'000;
  constexpr std::size_t kTlsRecord = 16 * 1024;
  const World world{kRecords, 0.01, false};
  Pages pages(listing::Form::json, world);
  const Bytes key(16, 7);
  std::vector<std::string> wire, plain;
  for (std::uint64_t from = 0; from < kRecords; from += kPage) {
    plain.push_back(pages.page(from, kPage, 0, 0, [](std::uint64_t i) { return i; }));
    wire.push_back(base64(take(sm4_ecb_encrypt(key, as_bytes(plain.back())), "encrypt")));
  }
  Bytes out(wire[0].size()), clear(wire[0].size());
  const double scale = 1e6 / static_cast<double>(kRecords);
  if (!wish.json) fmt::print("wire: {} bytes a record, CPU seconds per million records\n", pages.record_bytes());
  for (const auto level : wire::levels()) {
    const wire::Sm4Decryptor sm4(std::span<const std::uint8_t, 16>(key), level);
    std::vector<Span> b64, cipher;
    for (std::uint64_t round = 0; round < wish.rounds; ++round) {
      Span decode, decrypt;
      for (std::size_t p = 0; p < wire.size(); ++p) {
        std::size_t done = 0;
        for (std::size_t at = 0; at < wire[p].size(); at += kTlsRecord) {
          const auto piece = std::string_view(wire[p]).substr(at, kTlsRecord);
          const Stopwatch decoding;
          const auto n = wire::base64_decode(piece, out.data(), at + kTlsRecord >= wire[p].size(), level);
          decode = decode + decoding.stop();
          if (!n || *n % 16 != 0) throw std::runtime_error("base64");
          const Stopwatch decrypting;
          sm4.decrypt(out.data(), clear.data() + done, *n);
          decrypt = decrypt + decrypting.stop();
          done += *n;
        }
        if (std::memcmp(clear.data(), plain[p].data(), plain[p].size()) != 0)
          throw std::runtime_error("decrypted wrong");
      }
      b64.push_back({decode.wall * scale, decode.cpu * scale});
      cipher.push_back({decrypt.wall * scale, decrypt.cpu * scale});
    }
    report.row(fmt::format("base64 {}", wire::name(level)), b64, 1'000'000, 0, kRecords);
    report.row(fmt::format("sm4 {}", wire::name(level)), cipher, 1'000'000, 0, kRecords);
  }
  sync::Mirror mirror;
  sync::Workspace workspace;
  sync::Batch batch;
  std::vector<Span> merge;
  for (std::uint64_t round = 0; round <= wish.rounds; ++round) {
    mirror.begin();
    batch.clear();
    const Stopwatch watch;
    for (const auto& page : plain)
      take(sync::merge_page(mirror, listing::Form::json, 1, as_bytes(page), workspace, batch), "page");
    const Span span = watch.stop();
    if (round == 0) continue;  // that was the load
    merge.push_back({span.wall * scale, span.cpu * scale});
    if (batch.counts.unchanged != kRecords) throw std::runtime_error("json: not all found");
  }
  report.row("json: bounds, number, hash, lookup", merge, 1'000'000, 0, kRecords);
}

int run(int argc, char** argv) {
  Wish wish;
  wish.records = static_cast<std::uint64_t>(number_option(argc, argv, "--records", 1'000'000));
  wish.share = static_cast<double>(number_option(argc, argv, "--changed", 1)) / 100;
  wish.rounds = static_cast<std::uint64_t>(number_option(argc, argv, "--rounds", 5));
  wish.json = has_flag(argc, argv, "--json");
  wish.rivals = !has_flag(argc, argv, "--no-rivals");
  wish.postgres = has_flag(argc, argv, "--postgres");
  wish.wire_only = has_flag(argc, argv, "--wire-only");
  const Report report(wish);
  if (!wish.wire_only) nights(wish, report);
  if (wish.rounds != 0) wire_stages(wish, report);
  return 0;
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  try {
    return taxgate::bench::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "bench_sync: {}\n", e.what());
    return 1;
  }
}
