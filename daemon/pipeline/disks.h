#pragma once
// The taxpayers' tax disks as the key host tells of them: how fast they are used, when they stop, who is told, and
// which held submissions may go on. Private to the pipeline; io thread.
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/pipeline/context.h"
#include "daemon/rules/disk.h"
#include "protocol/api.pb.h"

namespace taxgate::pipeline {

class Disks {
 public:
  /// `freed`: a submission that was held has work again. Both must outlive it.
  Disks(Context& context, std::function<void(const std::string& id)> freed);
  Disks(const Disks&) = delete;
  Disks& operator=(const Disks&) = delete;

  /// The key host told of a change, or time jumped: meters are read, events told, held submissions looked at. While
  /// there is a disk, or a submission may be held by one, it looks by itself every minute.
  void look();
  void stop();
  /// A refusal of a disk holds a submission from now on.
  void held() { may_hold_ = true; }
  /// Adds what is known of the key's disk, with its forecasts, and the device numbers it signs for.
  void describe(const keys::KeyFacts& key, api::v1::KeyInfo& out) const;

 private:
  using Place = std::pair<std::string, std::string>;  // key's serial, invoice type
  struct Known {
    bool loaded = false, loading = false;
    rules::DiskMeter meter;
    rules::DiskLevel level = rules::DiskLevel::well;  // as it was told last
  };

  std::vector<rules::DiskForecast> forecasts(const std::string& serial, const keyd::v1::TaxDisk& disk,
                                             const keyd::v1::DiskType& type) const;
  rules::DiskLevel level(const std::vector<rules::DiskForecast>& ends, rules::DiskLevel before) const;
  void look_at(const keys::KeyFacts& key, const keyd::v1::DiskType& type);
  asio::awaitable<void> load(Place place);
  void keep(const Place& place, const Known& known);
  void tell(const keys::KeyFacts& key, const keyd::v1::DiskType& type, rules::DiskLevel now,
            const std::vector<rules::DiskForecast>& ends);
  asio::awaitable<void> free_held();
  bool lets(const Submission& sub) const;

  Context& context_;
  std::function<void(const std::string& id)> freed_;
  asio::steady_timer timer_;
  std::map<Place, Known> known_;
  bool may_hold_ = true;  // some submission may be held by a disk; at the start that is not known
  bool freeing_ = false, stopped_ = false;
};

}  // namespace taxgate::pipeline
