// Pages of the status listing in both forms, and the kernel that compares them. The first byte chooses the form.
#include <cstdint>

#include "daemon/sync/merge.h"
#include "protocol/listing_scan.h"

namespace {

using namespace taxgate;

void check(bool good) {
  if (!good) __builtin_trap();
}

void records(listing::Form form, ByteView page) {
  std::vector<listing::Slice> slices;
  if (!listing::split(form, page, slices)) {
    check(slices.empty());
    return;
  }
  listing::Hint hint;
  std::uint64_t end = 0;
  for (const auto& s : slices) {
    check(s.at >= end && std::uint64_t{s.at} + s.size <= page.size());  // in order, inside, apart
    end = std::uint64_t{s.at} + s.size;
    const auto record = page.subspan(s.at, s.size);
    listing::Facts facts;
    const auto status = listing::decode(form, 3, record);
    const auto whole = listing::decode(form, 3, record, &facts);
    if (whole) {
      check(status && status->key == whole->key && status->status == whole->status);
      check(invoice_number(whole->key) == facts.number && whole->status.sound());
      // What was read is written and read again as the same.
      std::string again;
      listing::append_record(again, form, facts, whole->status);
      std::vector<listing::Slice> one;
      const std::string rewritten = listing::page_of(form, {}, again);
      check(listing::split(form, as_bytes(rewritten), one).has_value() && one.size() == 1);
      listing::Facts same;
      const auto back = listing::decode(form, 3, as_bytes(rewritten).subspan(one[0].at, one[0].size), &same);
      check(back && back->status == whole->status && back->key == whole->key);
    }
    (void)listing::quick_key(form, 3, record, hint);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto form = (data[0] & 1U) != 0 ? listing::Form::json : listing::Form::protobuf;
  const ByteView page(data + 1, size - 1);
  records(form, page);
  for (std::size_t at = 0; at < page.size() && at < 256; ++at)
    if (page[at] == '{')
      check(listing::detail::object_end_finder()(page.data() + at, page.data() + page.size()) ==
            listing::detail::object_end_slow(page.data() + at, page.data() + page.size()));
  // Twice the same page: the second time nothing changes that the first has taken.
  sync::Mirror mirror;
  sync::Workspace workspace;
  sync::Batch first, second;
  if (!sync::merge_page(mirror, form, 3, page, workspace, first)) {
    check(mirror.size() == 0 && first.changes.empty() && first.quarantined.empty());
    return 0;
  }
  const auto& c = first.counts;
  check(c.records == c.unchanged + c.added + c.changed + c.touched + c.quarantined);
  mirror.begin();
  check(sync::merge_page(mirror, form, 3, page, workspace, second).has_value());
  check(second.counts.added == 0 && second.counts.records == c.records);
  return 0;
}
