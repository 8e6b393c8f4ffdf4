#pragma once
// What of the night blocks or computes: the mirror, the comparison, the reader of the night's tables. Everything here
// runs on the night's lane, one thing at a time. Private to daemon/pipeline.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/platform/platform.h"
#include "daemon/store/night.h"
#include "daemon/sync/merge.h"
#include "daemon/sync/night_summary.h"

namespace taxgate::pipeline {

/// What pages of one window have brought and is not committed yet.
struct NightPages {
  sync::Batch batch;
};

/// A page to be compared. Everything it points to is kept by shared pointers.
struct NightPage {
  platform::SealedPage sealed;
  std::shared_ptr<wire::Sm4Decryptor> key;
  listing::Form form = listing::Form::json;
  std::uint32_t taxpayer = 0;
  sync::Asked asked;
  std::shared_ptr<const sync::TransitionTable> allowed;  // as configured when the page was asked for
  bool changes = false;                                  // an incremental answer: its head is read too
};
struct NightMerged {
  leqi::ChangesHead head;  // with `changes`
  listing::PageHead page;
  std::uint64_t records = 0, repeated = 0;
  std::int64_t took_ms = 0;
};

/// One taxpayer's rows of `change` of a run.
struct NightTally {
  std::uint64_t added = 0, changed = 0, touched = 0, implausible = 0;
  std::map<std::tuple<StatusField, std::uint8_t, std::uint8_t>, std::uint64_t> transitions;
  sync::Examples now_abnormal, now_locked, no_longer_red;
};
struct NightTallies {
  std::map<std::uint32_t, NightTally> taxpayers;  // by number
  std::int64_t first = 0, last = 0;               // rows of the run
};

struct NightSample {
  std::uint32_t taxpayer = 0;
  std::string number;
  PlatformStatus status;
};

class NightLane {
 public:
  /// copy_file  where keep() leaves the mirror between nights; it may be deleted at any time
  NightLane(std::unique_ptr<store::NightReader> reader, std::string copy_file)
      : reader_(std::move(reader)), copy_file_(std::move(copy_file)) {}

  store::NightReader& reader() { return *reader_; }
  /// Everything the store knows, nothing met yet: from the kept copy and the changes since, or else from `status`.
  Result<void> fill();
  /// Leaves the mirror as a file, so that the next night need not read every row. Only when all that was compared is
  /// committed. A copy that cannot be written is none; one that is old by few changes stays as it is.
  void keep();
  void drop() { mirror_.clear(); }
  bool from_copy() const { return from_copy_; }  // the last fill()
  const sync::Mirror& mirror() const { return mirror_; }
  /// errors  those of platform::open and sync::merge_page: nothing was taken
  Result<NightMerged> merge(const NightPage& page, NightPages& pages);
  /// The batch as the store takes it; `pages` is empty afterwards. implausible  changes that count against the share
  struct Stored {
    store::NightBatch batch;
    std::uint64_t implausible = 0, changed = 0;
  };
  Stored stored(NightPages& pages, LegalTime now) const;
  Result<NightTallies> tally(std::int64_t run, std::int64_t after, LegalTime now);
  /// At most `count` known invoices of these taxpayers, chosen by `seed`.
  std::vector<NightSample> sample(const std::vector<std::uint32_t>& taxpayers, std::size_t count, std::uint64_t seed);

  /// Known invoices of a taxpayer that the night did not meet, of numbers of these years (two digits), at most `most`.
  std::vector<std::string> unseen(std::uint32_t taxpayer, const std::set<int>& years, std::size_t most) const;

 private:
  std::optional<std::int64_t> read_copy();
  Result<std::int64_t> catch_up(std::int64_t after);

  std::unique_ptr<store::NightReader> reader_;
  const std::string copy_file_;
  bool from_copy_ = false;
  std::int64_t copied_upto_ = 0;  // of the copy, with from_copy_
  sync::Mirror mirror_;
  std::int64_t known_upto_ = 0;  // the change up to which the mirror was filled
  sync::Workspace workspace_;
  Bytes buffer_;
};

/// A change that a plausible night may bring in any number: received invoices are ticked for deduction until the return
/// is filed (the month's first days).
bool expected_any_number(PlatformStatus before, PlatformStatus after, LegalTime now);

}  // namespace taxgate::pipeline
