#pragma once
// Pages of a platform listing made so fast that making them hides nothing: one record is written once with the
// product's writer, then digits and codes are put in place. Header only, for sync_bench.cpp. Thread: one.
#include <cstring>
#include <string>
#include <vector>

#include "protocol/listing.h"

namespace taxgate::bench {

inline constexpr std::uint64_t kFirstSerial = 117'000'000'000'000'000ULL;
inline constexpr std::uint64_t kGap = 7;  // numbers of one taxpayer are not dense

/// Which of the records change in round r, and so what each shows then: the lock for even spread, the abnormality for
/// clusters. Both are transitions the platform may make, in both directions.
struct World {
  std::uint64_t records = 0;
  double share = 0.01;
  bool clustered = false;
  std::uint64_t changed(std::uint64_t round_count) const { return round_count * per_round(); }
  std::uint64_t per_round() const { return static_cast<std::uint64_t>(static_cast<double>(records) * share); }
  std::uint64_t step() const { return records / per_round(); }
  bool even_now(std::uint64_t i, std::uint64_t rounds) const {
    const auto at = i % step();
    return at >= 1 && at <= rounds && i / step() < per_round();
  }
  /// Whether lock and abnormality are what the record shows after so many rounds.
  bool shows(std::uint64_t i, PlatformStatus s, std::uint64_t even, std::uint64_t clusters) const {
    return s.text(StatusField::lock) == (even_now(i, even) ? "Y" : "N") &&
           s.text(StatusField::abnormal) == (cluster_now(i, clusters) ? "03" : "01");
  }
  bool cluster_now(std::uint64_t i, std::uint64_t rounds) const { return i < per_round() * rounds; }
};

class Pages {
 public:
  Pages(listing::Form form, World world) : form_(form), world_(world) {
    listing::Facts f;
    f.number = "26117000000000000000";
    f.type = "81";
    f.issued_at = {1'790'000'000'000};
    f.seller_id = "91310115TGDM00011U";
    f.buyer_id = "91420106TGDM00214A";
    if (form == listing::Form::json) {
      f.seller_name = "示例制造有限公司";
      f.buyer_name = "示例商贸有限公司";
    }
    f.amount = {200'000};
    f.tax = {26'000};
    PlatformStatus s;
    const std::array<const char*, kStatusFields> codes{"0", "N", "0", "01", "01", "", ""};
    for (std::size_t i = 0; i < kStatusFields; ++i) s.set(static_cast<StatusField>(i), *status_code(codes[i]));
    listing::append_record(one_, form, f, s);
    number_at_ = one_.find("26117000000000000000");
    const std::string key = form == listing::Form::json ? "\"hzsdbs\":\"" : std::string("\x52\x01");
    lock_at_ = one_.find(key) + key.size();
    const std::string abnormal = form == listing::Form::json ? "\"ycpzzt\":\"" : std::string("\x6A\x02");
    abnormal_at_ = one_.find(abnormal) + abnormal.size();
  }

  std::size_t record_bytes() const { return one_.size(); }
  /// index  of the record: order(i) for the i-th of the listing
  template <class Order>
  const std::string& page(std::uint64_t from, std::uint64_t count, std::uint64_t even, std::uint64_t clustered,
                          Order order) {
    body_.clear();
    for (std::uint64_t n = from; n < from + count; ++n) {
      const std::uint64_t i = order(n);
      if (form_ == listing::Form::json && !body_.empty()) body_ += ',';
      const std::size_t at = body_.size();
      body_ += one_;
      std::uint64_t serial = kFirstSerial + i * kGap;
      for (std::size_t d = 20; d-- > 2; serial /= 10) body_[at + number_at_ + d] = static_cast<char>('0' + serial % 10);
      if (world_.even_now(i, even)) body_[at + lock_at_] = 'Y';
      if (world_.cluster_now(i, clustered)) body_[at + abnormal_at_ + 1] = '3';
    }
    if (form_ == listing::Form::protobuf) return body_;  // a page without a head is one
    page_ = listing::page_of(form_, {1, 1, count}, body_);
    return page_;
  }

 private:
  const listing::Form form_;
  const World world_;
  std::string one_, body_, page_;
  std::size_t number_at_ = 0, lock_at_ = 0, abnormal_at_ = 0;
};

inline InvoiceKey key_of(std::uint32_t taxpayer, std::uint64_t i) {
  std::string number = "26000000000000000000";
  std::uint64_t serial = kFirstSerial + i * kGap;
  for (std::size_t d = 20; d-- > 2; serial /= 10) number[d] = static_cast<char>('0' + serial % 10);
  return *invoice_key(taxpayer, number);
}
/// Of a number that is none of the listing's: one above every index.
inline std::uint64_t index_of(std::uint64_t rest) {
  const std::uint64_t above = rest - kFirstSerial;
  return above % kGap == 0 ? above / kGap : UINT64_MAX;
}

}  // namespace taxgate::bench
