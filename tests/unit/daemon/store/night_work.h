#pragma once
// Blocking forms of the night's writes, and a small night that crash tests interrupt.
#include <map>

#include "tests/unit/daemon/store/store_fixture.h"

namespace taxgate::store {

inline constexpr const char* kOurs = "91310115TGDM00011U";  // the seller of sample_invoice

inline PlatformStatus status_of(std::string_view state, std::string_view use = "0") {
  PlatformStatus s;
  s.set(StatusField::state, *status_code(state));
  s.set(StatusField::use, *status_code(use));
  return s;
}
inline std::string listed_number(std::uint64_t serial) {
  const std::string tail = std::to_string(serial);
  return "26" + std::string(18 - tail.size(), '0') + tail;
}
inline Result<NightCommitted> commit(Store& store, NightBatch batch) {
  return wait_for<NightCommitted>(
      [&](Done<NightCommitted> d) { store.night().commit(std::move(batch), std::move(d)); });
}
inline Result<std::int64_t> apply(Store& store, ApplyPlan plan) {
  return wait_for<std::int64_t>([&](Done<std::int64_t> d) { store.night().apply(std::move(plan), std::move(d)); });
}
inline Result<std::uint32_t> number(Store& store, const std::string& taxpayer = kOurs) {
  return wait_for<std::uint32_t>([&](Done<std::uint32_t> d) { store.night().taxpayer_number(taxpayer, std::move(d)); });
}

/// What a platform shows on each of a few nights; the driver below compares and commits as the real one does.
using NightStatuses = std::map<std::uint64_t, PlatformStatus>;  // by serial
NightStatuses listing_of(int night);

using Confirm = std::function<void(const std::string& line)>;
/// Runs the nights that are not done yet, in small batches with a cursor, applying in between. False: the store ended.
bool run_nights(const std::function<Options()>& options, const Confirm& confirm);
/// Finishes whatever is left and says what differs from undisturbed nights: statuses, every event exactly once, cursor,
/// quarantine, chain.
std::vector<std::string> night_differences(const Options& options);

}  // namespace taxgate::store
