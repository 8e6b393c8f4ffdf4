#pragma once
// NightStore over the store's writer. Private to this room; made by SqliteStore.
#include "daemon/store/night.h"
#include "daemon/store/writer.h"

namespace taxgate::store {

class SqliteNight final : public NightStore {
 public:
  /// Both outlive it. path, vfs: for readers.
  SqliteNight(Writer& writer, std::string path, std::string vfs)
      : writer_(writer), path_(std::move(path)), vfs_(std::move(vfs)) {}
  void taxpayer_number(std::string taxpayer, Done<std::uint32_t> done) override;
  void commit(NightBatch batch, Done<NightCommitted> done) override;
  void put_run(NightRun run, Done<std::int64_t> done) override;
  void apply(ApplyPlan plan, Done<std::int64_t> done) override;
  Result<std::unique_ptr<NightReader>> reader() override;

 private:
  Writer& writer_;
  const std::string path_, vfs_;
};

}  // namespace taxgate::store
