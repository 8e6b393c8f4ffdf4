// One thread with an io_context of its own for all webhooks: a receiver's name look-up, handshake or silence can then
// not delay the daemon's io thread, and nothing of theirs needs a lock but the list of states.
#include "daemon/events/webhooks.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "daemon/core/lanes.h"
#include "daemon/core/log.h"
#include "daemon/core/name_lookup.h"
#include "daemon/core/random.h"
#include "daemon/events/event_page.h"
#include "daemon/events/http_post.h"
#include "protocol/json_form.h"

namespace taxgate::events {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMinSecret = 16;  // bytes: what a guess must not reach
constexpr std::size_t kMaxWebhookName = 64;
constexpr int kScanPage = 500;     // rows read at a time: a filter that takes few must still pass many
constexpr int kMaxScanPages = 20;  // then other webhooks get their turn

bool wants(const Webhook& webhook, std::string_view type) {
  return webhook.events.empty() || std::ranges::any_of(webhook.events, [&](std::string_view wanted) {
           if (wanted.ends_with('*')) return type.starts_with(wanted.substr(0, wanted.size() - 1));
           return wanted == type;
         });
}

std::int64_t unix_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<void> check_webhook(const Webhook& webhook) {
  const auto name_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (webhook.name.empty() || webhook.name.size() > kMaxWebhookName || !std::ranges::all_of(webhook.name, name_char))
    return fail(Errc::invalid_input, "events.webhook_name", "webhook.name");
  const std::string field = "webhook." + webhook.name;
  if (auto url = read_url(webhook.url, field + ".url"); !url) return std::unexpected(std::move(url.error()));
  if (!webhook.secret || webhook.secret->size() < kMinSecret)
    return fail(Errc::invalid_input, "events.webhook_secret", field, {}, std::to_string(kMinSecret));
  return {};
}

// ---- one webhook ----------------------------------------------------------------------------------------------------

/// States: idle (nothing to deliver), posting, pausing (after a failure). All on the webhooks' thread.
class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  Delivery(std::shared_ptr<asio::io_context> io, NameLookup& names, store::Store& store, store::Reader& reader,
           store::NightReader& night, const WebhookOptions& options, Random& random, Webhook webhook,
           std::shared_ptr<TlsTrust> trust, Place last_taken, bool cursor_known)
      : io_(std::move(io)),
        names_(names),
        store_(store),
        reader_(reader),
        night_(night),
        options_(options),
        random_(random),
        webhook_(std::move(webhook)),
        trust_(std::move(trust)),
        pause_(*io_),
        taken_(last_taken),
        stored_(cursor_known ? last_taken.seq : -1) {}

  void start() {
    store_cursor();  // a webhook seen for the first time has its place from now on
    run();
  }
  /// Ends a pause: the operator reloaded the configuration, perhaps because the receiver is well again.
  void hurry() { pause_.cancel(); }
  const Webhook& webhook() const { return webhook_; }

  Place taken() const { return taken_; }
  void stop() {
    stopped_ = true;
    pause_.cancel();
    if (post_) post_->cancel();
    post_.reset();
  }

  /// Looks for work; does nothing while a delivery or a pause is under way.
  void run() {
    if (stopped_ || post_ || pausing_) return;
    api::v1::EventList batch;
    Place last = taken_;
    const Wanted wanted{.row = {},
                        .type = [this](std::string_view type) { return wants(webhook_, type); },
                        .limit = options_.batch,
                        .rows = kScanPage,
                        .channel = options_.channel};
    for (int page = 0; page < kMaxScanPages && batch.events_size() == 0; ++page) {
      auto read = read_page(reader_, night_, last, wanted);
      if (!read) return failed(0, "journal: " + read.error().id);
      last = read->next;
      batch = std::move(read->events);
      if (read->end) break;
    }
    if (batch.events_size() == 0) {
      const bool more = last != taken_;
      taken(last);
      if (more) asio::post(*io_, [self = shared_from_this()] { self->run(); });
      return;
    }
    batch.set_next(place_text(last));
    batch.set_channel(options_.channel);
    post(to_json(batch), last);
  }

  WebhookState state() const {
    return {.name = webhook_.name,
            .delivered_seq = taken_.seq,
            .failures = failures_,
            .failing_since_ms = failing_since_ms_,
            .trouble = trouble_};
  }
  std::function<void()> on_state;  // after each change of state()

 private:
  void post(std::string body, Place last) {
    auto url = read_url(webhook_.url, webhook_.name);  // checked by configure
    if (!url) return;
    std::vector<std::pair<std::string, std::string>> headers{
        {"Content-Type", "application/json"},
        {"Taxgate-Webhook", webhook_.name},
        {"Taxgate-Channel", options_.channel},
        {"Taxgate-Attempt", std::to_string(failures_ + 1)},
        {"Taxgate-Signature", signature_header(webhook_.secret->view(), unix_ms() / 1000, body)}};
    post_ = start_post(*io_, names_, *std::move(url), trust_, std::move(headers), std::move(body),
                       {.connect_deadline = options_.connect_deadline, .answer_deadline = options_.answer_deadline},
                       [self = shared_from_this(), last](const PostResult& result) {
                         self->post_.reset();
                         if (self->stopped_) return;
                         if (!result.answered || result.status < 200 || result.status > 299)
                           return self->failed(result.status, result.trouble);
                         self->succeeded(last);
                       });
  }

  void succeeded(Place last) {
    if (failures_ > 0)
      log::notice("events.webhook_well", "webhook {} takes events again after {} failures", webhook_.name, failures_);
    failures_ = 0;
    failing_since_ms_ = 0;
    trouble_.clear();
    taken(last);
    run();
  }

  void failed(int status, std::string trouble) {
    trouble_ = trouble.empty() ? fmt::format("HTTP status {}", status) : std::move(trouble);
    if (failures_++ == 0) {
      failing_since_ms_ = unix_ms();
      log::warning("events.webhook_failed", "webhook {}: {}", webhook_.name, trouble_);
    }
    // Doubling up to the longest; between half and the whole of it, so that many webhooks of one dead receiver spread.
    auto pause = options_.first_pause;
    for (int i = 1; i < failures_ && pause < options_.longest_pause; ++i) pause *= 2;
    pause = std::min(pause, options_.longest_pause);
    const auto half = static_cast<std::uint64_t>(pause.count() / 2);
    pausing_ = true;
    pause_.expires_after(std::chrono::milliseconds(half + random_.below(half + 1)));
    pause_.async_wait([self = shared_from_this()](boost::system::error_code) {
      self->pausing_ = false;
      self->run();
    });
    if (on_state) on_state();
  }

  void taken(Place last) {
    taken_ = last;
    store_cursor();
    if (on_state) on_state();
  }

  /// One cursor write at a time; what was taken meanwhile goes with the next.
  void store_cursor() {
    if (storing_ || stored_ == taken_.seq || stopped_) return;
    storing_ = true;
    const std::int64_t value = taken_.seq;  // within a row a restart repeats the row's events, whose ids say so
    store_.set_cursor("webhook:" + webhook_.name, value + 1,
                      [weak = weak_from_this(), io = io_, value](Result<void> done) {
                        // The store's thread: back to ours, which may be gone by now; then nobody runs this.
                        asio::post(*io, [weak, value, well = done.has_value()] {
                          const auto self = weak.lock();
                          if (!self) return;
                          self->storing_ = false;
                          if (!well)
                            return;  // full disk: the next delivery writes again; a restart would repeat, not lose
                          self->stored_ = value;
                          self->store_cursor();
                        });
                      });
  }

  std::shared_ptr<asio::io_context> io_;
  NameLookup& names_;
  store::Store& store_;
  store::Reader& reader_;
  store::NightReader& night_;
  const WebhookOptions& options_;
  Random& random_;
  Webhook webhook_;
  std::shared_ptr<TlsTrust> trust_;
  asio::steady_timer pause_;
  std::shared_ptr<Post> post_;
  Place taken_;          // what the receiver has
  std::int64_t stored_;  // the row of it that the store knows
  int failures_ = 0;
  std::int64_t failing_since_ms_ = 0;
  std::string trouble_;
  bool pausing_ = false, storing_ = false, stopped_ = false;
};

// ---- all of them
// ------------------------------------------------------------------------------------------------------

namespace {

struct Checked {
  Webhook webhook;
  std::shared_ptr<TlsTrust> trust;
};

bool same(const Webhook& a, const Webhook& b) {
  return a.name == b.name && a.url == b.url && a.ca_file == b.ca_file && a.events == b.events &&
         std::ranges::equal(a.secret->view(), b.secret->view());
}

}  // namespace

struct Webhooks::Core {
  Core(store::Store& s, WebhookOptions o) : store(s), options(std::move(o)) {
    if (options.jitter_seed != 0)
      random = std::make_unique<SeededRandom>(options.jitter_seed);
    else
      random = std::make_unique<SystemRandom>();
    thread = std::thread([this] {
      name_thread("webhooks");
      io->run();
    });
  }
  ~Core() {
    asio::post(*io, [this] {
      for (auto& [name, delivery] : deliveries) delivery->stop();
      io->stop();
    });
    thread.join();
    // What was cancelled has yet to let go of its delivery, which holds the io_context that holds it.
    io->restart();
    io->poll();
    deliveries.clear();
  }

  // On the webhooks' thread.
  Result<void> replace(std::vector<Checked> wanted) {
    if (!reader) {
      auto opened = store.reader();
      if (!opened) return std::unexpected(std::move(opened.error()));
      auto night_opened = store.night().reader();
      if (!night_opened) return std::unexpected(std::move(night_opened.error()));
      night = *std::move(night_opened);
      reader = *std::move(opened);
    }
    std::map<std::string, std::shared_ptr<Delivery>> next;
    for (Checked& w : wanted) {
      const std::string name = w.webhook.name;
      const auto old = deliveries.find(name);
      if (old != deliveries.end() && same(old->second->webhook(), w.webhook)) {
        next[name] = old->second;
        continue;
      }
      auto last = old != deliveries.end() ? Result<std::int64_t>(old->second->taken().seq + 1)
                                          : reader->cursor("webhook:" + name);
      if (!last) return std::unexpected(std::move(last.error()));
      const bool known = *last > 0;
      if (!known) last = reader->last_seq();
      if (!last) return std::unexpected(std::move(last.error()));
      next[name] = std::make_shared<Delivery>(io, names, store, *reader, *night, options, *random, std::move(w.webhook),
                                              std::move(w.trust), Place{known ? *last - 1 : *last, 0}, known);
    }
    std::swap(deliveries, next);
    any = !deliveries.empty();
    for (auto& [name, old] : next)
      if (const auto kept = deliveries.find(name); kept == deliveries.end() || kept->second != old) old->stop();
    for (auto& [name, delivery] : deliveries) {
      if (const auto old = next.find(name); old != next.end() && old->second == delivery) {
        delivery->hurry();
        continue;
      }
      delivery->on_state = [this] { publish(); };
      delivery->start();
    }
    publish();
    return {};
  }

  void publish() {
    std::vector<WebhookState> now;
    now.reserve(deliveries.size());
    for (const auto& [name, delivery] : deliveries) now.push_back(delivery->state());
    const std::lock_guard lock(mutex);
    states = std::move(now);
  }

  store::Store& store;
  const WebhookOptions options;
  std::unique_ptr<Random> random;
  std::unique_ptr<store::Reader> reader;
  std::unique_ptr<store::NightReader> night;
  std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{io->get_executor()};
  NameLookup names{*io, options.look_up};
  std::map<std::string, std::shared_ptr<Delivery>> deliveries;
  std::atomic<bool> woken = false, any = false;
  mutable std::mutex mutex;
  std::vector<WebhookState> states;
  std::thread thread;
};

Webhooks::Webhooks(store::Store& store, WebhookOptions options)
    : core_(std::make_unique<Core>(store, std::move(options))) {}
Webhooks::~Webhooks() = default;

Result<void> Webhooks::configure(std::vector<Webhook> webhooks) {
  std::vector<Checked> checked;
  std::set<std::string> names;
  for (Webhook& webhook : webhooks) {
    if (auto well = check_webhook(webhook); !well) return well;
    if (!names.insert(webhook.name).second)
      return fail(Errc::invalid_input, "events.webhook_twice", "webhook.name", webhook.name);
    std::shared_ptr<TlsTrust> trust;
    if (webhook.url.starts_with("https:")) {
      auto loaded = TlsTrust::load(webhook.ca_file, webhook.name);
      if (!loaded) return std::unexpected(std::move(loaded.error()));
      trust = *std::move(loaded);
    }
    checked.push_back({std::move(webhook), std::move(trust)});
  }
  std::promise<Result<void>> promise;
  auto result = promise.get_future();
  asio::post(*core_->io, [&] { promise.set_value(core_->replace(std::move(checked))); });
  return result.get();
}

void Webhooks::wake(std::int64_t) {
  // Many commits, one look: whoever wakes first between two looks is enough.
  if (!core_->any || core_->woken.exchange(true)) return;
  asio::post(*core_->io, [core = core_.get()] {
    core->woken = false;
    for (auto& [name, delivery] : core->deliveries) delivery->run();
  });
}

std::vector<WebhookState> Webhooks::states() const {
  const std::lock_guard lock(core_->mutex);
  return core_->states;
}

}  // namespace taxgate::events
