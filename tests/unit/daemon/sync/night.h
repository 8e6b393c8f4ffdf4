#pragma once
// Random listings, and the slow obvious twin of the kernel: generated protobuf code, a JSON library and a map.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "daemon/sync/merge.h"

namespace taxgate::sync {

PlatformStatus status_from(const std::array<std::string, kStatusFields>& texts);

/// One invoice as the platform would show it.
struct Shown {
  listing::Facts facts;
  PlatformStatus status;
};
Shown random_invoice(std::mt19937_64& random, std::uint64_t serial);
std::string raw(listing::Form form, const Shown& shown);  // one record, without its frame
/// A page of raw records, which need not be good ones.
std::string page_of_raw(listing::Form form, const std::vector<std::string>& records);

class Twin {
 public:
  struct Known {
    PlatformStatus status;
    std::string bytes;  // the raw record itself, not a hash of it
    bool seen = false;
  };
  std::map<std::string, Known> known;  // by number

  struct Expected {
    std::vector<std::string> lines;  // one a change or quarantined record, in order
    Counts counts;
  };
  void begin();
  /// Reads the page with libraries. False: the page is not whole.
  bool page(listing::Form form, const std::string& bytes, Expected& out);
  std::set<std::string> missing() const;

 private:
  void record(listing::Form form, const std::string& bytes, Expected& out);
};

/// The batch in the twin's words.
std::vector<std::string> lines_of(const Batch& batch);

}  // namespace taxgate::sync
