// Protobuf's wire format, read by hand: bounds are checked at every step, nothing is allocated.
// Source: protobuf encoding guide (tags, varints, length-delimited fields; groups are refused).
#include "protocol/listing_fields.h"

namespace taxgate::listing::detail {
namespace {

enum WireType : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class WireReader {
 public:
  explicit WireReader(ByteView in) : at_(in.data()), end_(in.data() + in.size()) {}
  bool done() const { return at_ == end_; }
  const std::uint8_t* at() const { return at_; }
  bool varint(std::uint64_t& out) {
    if (at_ != end_ && *at_ < 0x80) {
      out = *at_++;
      return true;
    }
    out = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const std::uint8_t b = *at_++;
      if (shift == 63 && b > 1) return false;  // more than 64 bits
      out |= std::uint64_t{b & 0x7FU} << shift;
      if (b < 0x80) return true;
    }
    return false;
  }
  bool bytes(ByteView& out) {
    std::uint64_t size = 0;
    if (!varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
    out = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }
  bool skip(unsigned type) {
    std::uint64_t ignored = 0;
    ByteView none;
    switch (type) {
      case kVarint:
        return varint(ignored);
      case kFixed64:
        return advance(8);
      case kBytes:
        return bytes(none);
      case kFixed32:
        return advance(4);
      default:
        return false;
    }
  }

 private:
  bool advance(std::ptrdiff_t n) {
    if (end_ - at_ < n) return false;
    at_ += n;
    return true;
  }
  const std::uint8_t *at_, *end_;
};

constexpr std::uint64_t kMaxTag = 0xFFFFFFFF;  // field numbers have 29 bits
enum PageField : unsigned { kPageNumber = 1, kPageCount, kTotal, kRecord };

}  // namespace

Result<PageHead> split_wire(ByteView page, std::vector<Slice>& records) {
  PageHead head;
  WireReader in(page);
  const auto refuse = [&](std::string_view what) {
    return fail(Errc::corrupt, "listing.page", "byte " + std::to_string(in.at() - page.data()), std::string(what));
  };
  std::uint32_t present = 0;
  while (!in.done()) {
    std::uint64_t tag = 0;
    if (!in.varint(tag) || tag > kMaxTag || tag < 8) return refuse("tag");
    const auto field = static_cast<unsigned>(tag >> 3U), type = static_cast<unsigned>(tag & 7U);
    if (field == kRecord) {
      ByteView record;
      if (type != kBytes || !in.bytes(record)) return refuse("record");
      if (record.size() > kMaxRecordBytes) return refuse("record size");
      records.push_back(
          {static_cast<std::uint32_t>(record.data() - page.data()), static_cast<std::uint32_t>(record.size())});
    } else if (field <= kTotal) {
      std::uint64_t& out = field == kPageNumber ? head.number : field == kPageCount ? head.count : head.total;
      if (type != kVarint || (present & (1U << field)) != 0 || !in.varint(out)) return refuse("head");
      present |= 1U << field;
    } else if (!in.skip(type)) {
      return refuse("field");
    }
  }
  return head;
}

Result<void> read_wire(ByteView record, Fields& f) {
  f.numbers = true;
  WireReader in(record);
  while (!in.done()) {
    std::uint64_t tag = 0;
    if (!in.varint(tag) || tag > kMaxTag || tag < 8) return bad("tag");
    const auto field = static_cast<unsigned>(tag >> 3U), type = static_cast<unsigned>(tag & 7U);
    if (field > kBuyerName) {
      if (!in.skip(type)) return bad("field");
      continue;
    }
    if (!f.add(field)) return bad(field_name(field));
    const bool integer = field == kIssuedAt || field == kAmount || field == kTax || field == kRed;
    if (type != (integer ? kVarint : kBytes)) return bad(field_name(field));
    if (integer) {
      if (!in.varint(f.integer[field])) return bad(field_name(field));
    } else {
      ByteView text;
      if (!in.bytes(text)) return bad(field_name(field));
      f.text[field] = as_text(text);
    }
  }
  return {};
}

}  // namespace taxgate::listing::detail
