// The night sync: kernel, durable changes, applied status; beside other stores fed with the same pages in turn; then
// the wire's stages. Every result is compared record by record before a time of it is printed. Pages are made one at a
// time and not timed.
//   bench_sync [--records N] [--changed PERCENT] [--rounds R] [--no-rivals] [--postgres] [--wire-only] [--json]
// --rounds 0: the first load alone, and SQLite's bulk insert of the same rows.
#include <future>

#include "daemon/core/clock.h"
#include "daemon/store/store.h"
#include "daemon/sync/merge.h"
#include "protocol/wire_kernels.h"
#include "tests/bench/listing_pages.h"
#include "tests/bench/postgres_rival.h"
#include "tests/bench/program.h"
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
  bool json = false, no_rivals = false, postgres = false, wire_only = false;
};

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
  Span stop() const { return {seconds_since(start_), own_cpu_seconds() - cpu_}; }

 private:
  const Clock::time_point start_ = Clock::now();
  const double cpu_ = own_cpu_seconds();
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

  /// Compares what the store says with what the platform showed. returns  how many; throws when one is not right
  std::uint64_t verified(std::uint64_t even, std::uint64_t clustered) {
    Tally tally("ours", even_.records);
    take(reader_->each_status([&](const InvoiceKey& key, PlatformStatus s, std::uint64_t) {
      const auto i = index_of(key.rest);
      tally.saw(i, clustered_.shows(i, s, even, clustered) && s.text(StatusField::state) == "0" &&
                       key == key_of(taxpayer_, i));
    }),
         "verify");
    return tally.whole();
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

double median_wall(const std::vector<Span>& spans) {
  std::vector<double> wall;
  for (const auto& s : spans) wall.push_back(s.wall);
  return median(wall);
}

class Report {
 public:
  explicit Report(const Wish& wish) : wish_(wish) {}
  /// What a rival is compared with, as medians of wall time: our own of the same rounds.
  struct Ours {
    double durable = 0, applied = 0;
  };
  /// checked  results compared before; rss  MB, 0: not asked for
  void row(const std::string& variant, const std::vector<Span>& spans, std::uint64_t records, std::uint64_t checked,
           std::optional<Ours> ours = {}, double rss = 0) const {
    Row r{.bench = "sync", .variant = variant, .unit = "s"};
    std::vector<double> cpu;
    for (const auto& span : spans) {
      r.of_rounds.push_back(span.wall);
      r.seconds += span.wall;
      r.cpu_seconds += span.cpu;
      cpu.push_back(span.cpu);
    }
    r.parameters = fmt::format("{{\"records\":{},\"changed\":{}}}", records, wish_.share);
    r.per_second = static_cast<double>(records) / r.middle();
    r.checked = checked;
    r.rss_mb = rss;
    r.more = fmt::format(R"(,"cpu_seconds_a_round":{:.6g})", median(cpu));
    if (ours)
      r.more += fmt::format(R"(,"over_durable":{:.2f},"over_applied":{:.2f})", r.middle() / ours->durable,
                            r.middle() / ours->applied);
    if (wish_.json) return r.print_json();
    fmt::print(
        "{:<44} {:>8.3f} s ({:.3f}-{:.3f}) {:>6.2f} M/s  cpu {:>7.3f} s  {}\n", variant, r.middle(), r.least(),
        r.most(), r.per_second / 1e6, median(cpu),
        ours ? fmt::format("{:.1f} x durable, {:.1f} x applied", r.middle() / ours->durable, r.middle() / ours->applied)
             : "");
    std::fflush(stdout);
  }

 private:
  const Wish wish_;
};

/// As many rounds as a record stays distinguishable: each round changes other ones.
void check_wish(const Wish& wish, const World& world) {
  if (wish.rounds >= world.step())
    throw std::runtime_error(fmt::format("{} rounds of {} % need more records than there are: at most {} rounds",
                                         wish.rounds, 100 * wish.share, world.step() - 1));
  if (wish.postgres && postgres_programs().empty())
    throw std::runtime_error("PostgreSQL is not installed: ./run bench sync --postgres does");
}

std::vector<std::unique_ptr<Rival>> make_rivals(const Wish& wish, const std::string& directory) {
  std::vector<std::unique_ptr<Rival>> rivals;
  if (wish.no_rivals) return rivals;
  rivals.push_back(std::make_unique<SqliteRival>(directory + "/upsert.db", true));
  rivals.push_back(std::make_unique<SqliteRival>(directory + "/scan.db", false));
  rivals.push_back(std::make_unique<LmdbRival>(directory + "/lmdb"));
  rivals.push_back(std::make_unique<RocksRival>(directory + "/rocks"));
  if (wish.postgres) rivals.push_back(std::make_unique<PostgresRival>(postgres_programs()));
  return rivals;
}

void nights(const Wish& wish, const Report& report) {
  const World even{wish.records, wish.share, false}, clustered{wish.records, wish.share, true};
  check_wish(wish, even);
  const auto in_order = [](std::uint64_t i) { return i; };
  DiskDirectory directory;
  Pages pages(listing::Form::protobuf, even);
  Ours ours(directory.path(), even, clustered);
  const auto first = ours.night(pages, 0, 0, in_order);
  const std::uint64_t loaded = ours.verified(0, 0);
  report.row("first load (facts, changes, status)", {first.all()}, wish.records, loaded);
  report.row("first load, log copied", {first.all() + first.copied}, wish.records, loaded);
  if (!wish.no_rivals) {
    const Span bulk =
        bulk_insert(directory.path() + "/taxgate.db", directory.path() + "/bulk.db", [] { return Stopwatch(); });
    report.row("first load: SQLite bulk insert, same rows", {bulk}, wish.records, wish.records);
  }
  if (wish.rounds == 0) return;  // the first load alone
  const Span reload = ours.reload();
  const Span from_file = ours.reload_from_file(directory.path() + "/mirror");
  const auto known = expect_count("mirror", wish.records, ours.mirror().size());
  report.row("mirror filled from the store", {reload}, wish.records, known, {}, rss_mb(::getpid()));
  report.row("mirror filled from its file", {from_file}, wish.records, known, {}, rss_mb(::getpid()));

  const auto rivals = make_rivals(wish, directory.path());
  for (const auto& r : rivals) {
    const Span s = night_of(*r, pages, wish.records, 0, 0);
    report.row(std::string("first load, status only: ") + r->name(), {s}, wish.records, check_rival(*r, even, 0, 0));
  }
  for (const bool cluster : {false, true}) {
    std::vector<Span> kernel, durable, applied, copied;
    std::vector<std::vector<Span>> others(rivals.size());
    const auto spread = cluster ? "clustered" : "even";
    for (std::uint64_t round = 1; round <= wish.rounds; ++round) {
      const std::uint64_t e = cluster ? wish.rounds : round, c = cluster ? round : 0;
      const auto t = ours.night(pages, e, c, in_order);
      ours.verified(e, c);
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
    const std::uint64_t checked = wish.records * wish.rounds;
    report.row(fmt::format("{}: kernel alone", spread), kernel, wish.records, checked);
    report.row(fmt::format("{}: changes durable", spread), durable, wish.records, checked);
    report.row(fmt::format("{}: status applied", spread), applied, wish.records, checked);
    report.row(fmt::format("{}: applied, log copied", spread), copied, wish.records, checked);
    for (std::size_t i = 0; i < rivals.size(); ++i)
      report.row(fmt::format("{}: {}", spread, rivals[i]->name()), others[i], wish.records, checked,
                 Report::Ours{median_wall(durable), median_wall(copied)});
  }
  // The same night once more, in an order that has nothing to do with the keys: nothing changes, every record is found.
  std::uint64_t prime = 7'368'787;
  const auto shuffled = [&](std::uint64_t i) { return i * prime % wish.records; };
  if (wish.records % prime == 0) prime = 7'368'791;
  std::vector<Span> random;
  std::uint64_t found = 0;
  for (std::uint64_t round = 0; round < std::min<std::uint64_t>(wish.rounds, 3); ++round) {
    random.push_back(ours.night(pages, wish.rounds, wish.rounds, shuffled).kernel);
    found += expect_count("random order: unchanged", wish.records, ours.counts().unchanged);
    if (ours.counts().changed + ours.counts().added != 0) throw std::runtime_error("random order: not all found");
  }
  report.row("random order: kernel alone", random, wish.records, found);
  if (!wish.json)
    fmt::print("mirror {:.1f} bytes a record, database {:.0f}, resident {:.0f} MB, record {} bytes\n",
               static_cast<double>(ours.mirror().bytes()) / static_cast<double>(ours.mirror().size()),
               static_cast<double>(std::filesystem::file_size(directory.path() + "/taxgate.db")) /
                   static_cast<double>(wish.records),
               rss_mb(::getpid()), pages.record_bytes());
}

// One core, CPU time, a million records of the JSON form; each stage over the same bytes, in pieces of one TLS record.
void wire_stages(const Wish& wish, const Report& report) {
  constexpr std::uint64_t kMost = 200'000;  // as many as the caches hold nothing of; more tell nothing new
  const std::uint64_t records = std::min(wish.records, kMost);
  constexpr std::size_t kTlsRecord = 16 * 1024;
  const World world{records, 0.01, false};
  Pages pages(listing::Form::json, world);
  const Bytes key(16, 7);
  std::vector<std::string> wire, plain;
  for (std::uint64_t from = 0; from < records; from += kPage) {
    plain.push_back(pages.page(from, std::min(kPage, records - from), 0, 0, [](std::uint64_t i) { return i; }));
    wire.push_back(base64(take(sm4_ecb_encrypt(key, as_bytes(plain.back())), "encrypt")));
  }
  Bytes out(wire[0].size()), clear(wire[0].size());
  const double scale = 1e6 / static_cast<double>(records);
  if (!wish.json) fmt::print("wire: {} bytes a record, seconds per million records\n", pages.record_bytes());
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
    report.row(fmt::format("base64 {}", wire::name(level)), b64, 1'000'000, records * wish.rounds);
    report.row(fmt::format("sm4 {}", wire::name(level)), cipher, 1'000'000, records * wish.rounds);
  }
  sync::Mirror mirror;
  sync::Workspace workspace;
  sync::Batch batch;
  std::vector<Span> merge;
  std::uint64_t found = 0;
  for (std::uint64_t round = 0; round <= wish.rounds; ++round) {
    mirror.begin();
    batch.clear();
    const Stopwatch watch;
    for (const auto& page : plain)
      take(sync::merge_page(mirror, listing::Form::json, 1, as_bytes(page), workspace, batch), "page");
    const Span span = watch.stop();
    if (round == 0) continue;  // that was the load
    merge.push_back({span.wall * scale, span.cpu * scale});
    found += expect_count("json: unchanged", records, batch.counts.unchanged);
  }
  report.row("json: bounds, number, hash, lookup", merge, 1'000'000, found);
}

}  // namespace
}  // namespace taxgate::bench

int main(int argc, char** argv) {
  taxgate::bench::Wish wish;
  int percent = 1;
  taxgate::bench::Program program("sync", "the night's kernel, its durable changes and applied status, beside rivals");
  program.number("--records", wish.records, 1000, 1'000'000'000, "in the ledger")
      .number("--changed", percent, 1, 20, "per cent of them in a round")
      .number("--rounds", wish.rounds, 0, 1000, "of each kind; 0: the first load alone")
      .flag("--no-rivals", wish.no_rivals, "ours alone")
      .flag("--postgres", wish.postgres, "PostgreSQL among the rivals")
      .flag("--wire-only", wish.wire_only, "Base64, SM4 and JSON of the wire alone");
  return program.run(argc, argv, [&](bool json) {
    wish.json = json;
    wish.share = percent / 100.0;
    const taxgate::bench::Report report(wish);
    if (!wish.wire_only) nights(wish, report);
    if (wish.rounds != 0) wire_stages(wish, report);
  });
}
