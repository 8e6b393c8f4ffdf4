// The mirror between two nights: a file that saves reading every row of `status` again. What makes it right: it is the
// store at one change, that change is named in it, and what came after is put on top. Worth nothing when the database
// is another one, or an older one that has grown differently since.
#include <array>
#include <filesystem>
#include <fstream>

#include "daemon/core/log.h"
#include "daemon/pipeline/night_lane.h"

namespace taxgate::pipeline {
namespace {

constexpr int kChangePage = 10'000;  // rows of `change` read at once: about a megabyte
// A change read again at the next night's beginning costs as much as writing some 60 entries of the file.
constexpr std::uint64_t kWorthWriting = 64;
constexpr std::uintmax_t kSpared = 8;  // of the file's size stays free: the ledger needs the disk more

/// Stands for one row of `change`, its time among it.
std::uint64_t sign_of(const store::StatusChange& c) {
  const std::array<std::uint64_t, 8> words{static_cast<std::uint64_t>(c.seq),
                                           static_cast<std::uint64_t>(c.run),
                                           c.key.partition,
                                           c.key.rest,
                                           c.before.bits,
                                           c.after.bits,
                                           static_cast<std::uint64_t>(c.at.ms),
                                           c.hash};
  return sync::fingerprint({reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words});
}

/// That of the change `seq`; nullopt: the database has none.
std::optional<std::uint64_t> sign_at(store::NightReader& reader, std::int64_t seq) {
  const auto rows = reader.changes_after(seq - 1, 1);
  if (!rows || rows->empty() || rows->front().seq != seq) return std::nullopt;
  return sign_of(rows->front());
}

}  // namespace

Result<std::int64_t> NightLane::catch_up(std::int64_t after) {
  for (;;) {
    auto rows = reader_->changes_after(after, kChangePage);
    if (!rows) return std::unexpected(rows.error());
    for (const auto& row : *rows) {
      mirror_.put(row.key, row.after, row.hash);
      after = row.seq;
    }
    if (rows->size() < static_cast<std::size_t>(kChangePage)) return after;
  }
}

std::optional<std::int64_t> NightLane::read_copy() {
  std::ifstream in(copy_file_, std::ios::binary);
  std::uint64_t sign = 0;
  const auto read = [&in](void* into, std::size_t size) {
    in.read(static_cast<char*>(into), static_cast<std::streamsize>(size));
    return in.good();
  };
  if (!in.is_open() || !read(&sign, sizeof sign)) return std::nullopt;
  const auto stamp = mirror_.load([&](std::span<std::uint8_t> into) { return read(into.data(), into.size()); });
  if (stamp && sign_at(*reader_, *stamp) == sign) return stamp;
  mirror_.clear();
  return std::nullopt;
}

void NightLane::keep() {
  const std::string fresh = copy_file_ + ".new";
  std::error_code ignored;
  const auto forget = [&] {
    std::filesystem::remove(fresh, ignored);
    std::filesystem::remove(copy_file_, ignored);
  };
  if (from_copy_ && std::filesystem::exists(copy_file_, ignored)) {
    const auto now = reader_->progress();
    if (now && static_cast<std::uint64_t>(now->last_change - copied_upto_) <= mirror_.size() / kWorthWriting) return;
  }
  // Observed by day meanwhile: the mirror does not know it yet.
  const auto upto = catch_up(known_upto_);
  const auto sign = upto && *upto > 0 ? sign_at(*reader_, *upto) : std::nullopt;
  if (!sign) return forget();
  const auto space = std::filesystem::space(std::filesystem::path(copy_file_).parent_path(), ignored);
  if (ignored || space.available / kSpared < mirror_.bytes()) return forget();
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    const auto write = [&out](const void* from, std::size_t size) {
      out.write(static_cast<const char*>(from), static_cast<std::streamsize>(size));
    };
    write(&*sign, sizeof *sign);
    mirror_.save(*upto, [&](ByteView piece) { write(piece.data(), piece.size()); });
    out.flush();
    // Not flushed to the disk: a torn file fails its check, and costs a scan.
    if (out.good()) {
      std::filesystem::remove(copy_file_, ignored);  // over an existing one the system would write it out at once
      std::filesystem::rename(fresh, copy_file_, ignored);
      if (!ignored) return;
    }
  }
  log::notice("sync.copy", "the night's copy could not be written: the next night reads the ledger instead");
  forget();
}

}  // namespace taxgate::pipeline
