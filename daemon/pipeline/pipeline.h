#pragma once
// The one place that moves work from stage to stage: accept → prepare → sign → send → (ask) → follow → booked, and the
// Gateway the local API calls. It owns the order of work (queue/queue.h); the truth is in the store.
//
// Thread: construct, start and call on the io thread. Stores, platform and key host outlive it.
#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/api/callers.h"
#include "daemon/api/gateway.h"
#include "daemon/keys/key_host.h"
#include "daemon/pipeline/settings.h"
#include "daemon/platform/platform.h"
#include "daemon/queue/resolve.h"
#include "daemon/store/store.h"

namespace boost::asio {
class io_context;
}

namespace taxgate::pipeline {

/// What the pipeline stands on. Every member outlives it.
struct Parts {
  boost::asio::io_context* io = nullptr;
  store::Store* store = nullptr;
  platform::Platform* platform = nullptr;
  keys::KeyHost* keys = nullptr;
  const LegalClock* clock = nullptr;
  const queue::Discipline* discipline = nullptr;  // nullptr: the real one
  store::StepProbe probe;                         // kill tests
};

class Pipeline : public api::Gateway, public api::CallerDirectory {
 public:
  /// Loads holds, callers and every open submission, then works. errors: those of the store
  static Result<std::unique_ptr<Pipeline>> start(Parts parts, Settings settings);
  /// Takes new tables, limits and poll intervals; taxpayers may be added. io thread.
  virtual void reload(Settings settings) = 0;
  /// Stops taking new work; what is under way is abandoned where it stands (its durable state says how to go on).
  virtual void stop() = 0;
  /// Store's on_commit, from any thread.
  virtual void committed(std::int64_t last_seq) = 0;
  virtual std::size_t open_submissions() const = 0;
};

}  // namespace taxgate::pipeline
