#include "daemon/app/daemon.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "daemon/api/server.h"
#include "daemon/app/arguments.h"
#include "daemon/core/clock.h"
#include "daemon/core/config.h"
#include "daemon/core/files.h"
#include "daemon/core/lanes.h"
#include "daemon/core/log.h"
#include "daemon/core/service_notify.h"
#include "daemon/events/webhooks.h"
#include "daemon/keys/key_host_client.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/platform/settings.h"
#include "daemon/store/store.h"
#include "protocol/messages.h"
#include "protocol/quiet_protobuf.h"

namespace taxgate::app {
namespace {

constexpr int kExitConfig = 78;  // EX_CONFIG: systemd does not restart on it

void say(const Error& error) {
  log::write(log::Level::critical, error);
  std::fprintf(stderr, "taxgated: %s\n", message_text(error, Language::english).c_str());
  if (const std::string remedy = remedy_text(error, Language::english); !remedy.empty())
    std::fprintf(stderr, "          %s\n", remedy.c_str());
}

/// No core dumps, no ptrace by others of our uid: the platform's SM4 keys are in this memory.
void harden() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
}

Result<std::vector<events::Webhook>> webhooks_from(const Config& config) {
  std::vector<events::Webhook> out;
  for (const auto& w : config.webhooks) {
    auto secret = read_secret(w.secret_file, limits::kSecretFile);
    if (!secret) return std::unexpected(secret.error());
    out.push_back({.name = w.name,
                   .url = w.url,
                   .ca_file = w.ca_file,
                   .secret = std::make_shared<SecretBytes>(std::move(*secret)),
                   .events = w.events});
  }
  return out;
}

Result<api::Settings> api_settings(const Config& config) {
  api::Settings s;
  s.channel = std::string(name(config.channel));
  s.version = TAXGATE_VERSION;
  s.socket_path = config.api.socket;
  if (config.api.tcp_port) {
    s.tcp = true;
    s.tcp_port = *config.api.tcp_port;
    auto token = api::token_file_sha256(config.api.token_file);
    if (!token) return std::unexpected(token.error());
    s.token_sha256 = *token;
  }
  if (config.api.tls_port) {
    s.tls = true;
    s.tls_port = *config.api.tls_port;
    s.tls_certificate = config.api.tls_certificate;
    s.tls_key = config.api.tls_key;
    s.tls_client_ca = config.api.tls_client_ca;
  }
  s.max_body = config.api.max_body_bytes;
  s.max_connections = config.api.max_connections;
  return s;
}

class Daemon {
 public:
  Daemon(Config config, const Arguments& arguments, const Seams& seams)
      : live_(std::move(config)), arguments_(arguments), seams_(seams), signals_(io_, SIGTERM, SIGINT, SIGHUP) {}
  ~Daemon() {
    if (server_) server_->stop();
    if (pipeline_) pipeline_->stop();
    {
      const std::lock_guard lock(hooks_mutex_);
      hooks_open_ = false;
    }
    webhooks_.reset();
    store_.reset();  // its writer ends here: after it no answer can call back into what is gone
    server_.reset();
    pipeline_.reset();
  }

  Result<void> start() {
    const auto config = live_.get();
    if (auto made = make_private_directory(config->state_dir); !made) return made;
    if (config->lab) {
      auto virtual_clock = FileOffsetClock::open(config->lab_clock_file);
      if (!virtual_clock) return std::unexpected(virtual_clock.error());
      clock_ = std::move(*virtual_clock);
    } else {
      clock_ = std::make_unique<SystemLegalClock>();
    }
    if (auto ok = platform::check_channel(config->channel, config->lab, config->platform.ca_file); !ok) return ok;

    store::Options options;
    options.path = config->state_dir + "/taxgate.db";
    options.clock = clock_.get();
    options.max_pending = config->api.max_pending;
    options.probe = probe();
    auto opened = store::Store::open(std::move(options));
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    store_->on_commit([this](std::int64_t last_seq) {
      const std::lock_guard lock(hooks_mutex_);
      if (!hooks_open_) return;
      pipeline_->committed(last_seq);
      webhooks_->wake(last_seq);
    });

    auto platform = platform::make_platform(io_, platform::settings_from(*config), *clock_);
    if (!platform) return std::unexpected(platform.error());
    platform_ = std::move(*platform);
    keys_ = keys::connect_key_host(io_, verify_lane_,
                                   {.socket = config->keys.socket,
                                    .program = "taxgated " TAXGATE_VERSION,
                                    .default_deadline = std::chrono::milliseconds(config->keys.deadline_ms)});

    auto settings = api_settings(*config);
    if (!settings) return std::unexpected(settings.error());
    auto hooks = webhooks_from(*config);
    if (!hooks) return std::unexpected(hooks.error());
    webhooks_ = std::make_unique<events::Webhooks>(*store_, events::WebhookOptions{.channel = settings->channel});
    if (auto ok = webhooks_->configure(std::move(*hooks)); !ok) return ok;

    auto tables = pipeline::settings_from(*config);
    if (!tables) return std::unexpected(tables.error());
    auto pipeline = pipeline::Pipeline::start({.io = &io_,
                                               .store = store_.get(),
                                               .platform = platform_.get(),
                                               .keys = keys_.get(),
                                               .clock = clock_.get(),
                                               .discipline = seams_.discipline,
                                               .probe = probe()},
                                              std::move(*tables));
    if (!pipeline) return std::unexpected(pipeline.error());
    pipeline_ = std::move(*pipeline);
    {
      const std::lock_guard lock(hooks_mutex_);
      hooks_open_ = true;
    }
    webhooks_->wake(0);  // what was committed while the pipeline started

    server_ = std::make_unique<api::Server>(io_, *settings, *pipeline_, *pipeline_);
    if (auto ok = server_->start(); !ok) return ok;
    // Ports may have been chosen by the system: this is where clients on this machine find them.
    const std::string where = fmt::format(R"({{"socket":"{}","tcp_port":{},"tls_port":{},"pid":{}}})"
                                          "\n",
                                          config->api.socket, server_->tcp_port(), server_->tls_port(), ::getpid());
    if (auto ok = write_file_atomic(config->state_dir + "/api.json", where, 0644); !ok) return ok;
    log::notice("daemon.ready", "taxgated {} serves, channel {} ({}), {} open submissions", TAXGATE_VERSION,
                name(config->channel), name_zh(config->channel), pipeline_->open_submissions());
    notify_.ready(fmt::format("serves, channel {}", name(config->channel)));
    wait_for_signal();
    watch_ourselves();
    return {};
  }

  void run() { io_.run(); }

 private:
  store::StepProbe probe() {
    if (arguments_.lab_kill_at == 0) return {};
    return [this](std::string_view) {
      if (++steps_ == arguments_.lab_kill_at) ::kill(::getpid(), SIGKILL);
    };
  }

  /// systemd's watchdog hears from this loop only while it turns. Without a watchdog there is no timer.
  void watch_ourselves() {
    if (notify_.alive_interval().count() == 0) return;
    notify_.alive();
    alive_timer_.expires_after(notify_.alive_interval());
    alive_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) watch_ourselves();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        notify_.reloading();
        reload();
        notify_.ready(fmt::format("serves, channel {}; configuration read again", name(live_.get()->channel)));
        wait_for_signal();
        return;
      }
      log::notice("daemon.stopping", "stopping on signal {}", signal);
      notify_.stopping("stopping");
      server_->stop();
      pipeline_->stop();
      io_.stop();
    });
  }

  /// All of it is read before any of it takes effect: an invalid file, table or secret changes nothing.
  void reload() {
    const auto keep = [](const Error& error) {
      log::write(log::Level::error, error);
      log::error("config.kept", "the configuration in force is unchanged");
    };
    auto fresh = live_.read_again();
    if (!fresh) return keep(fresh.error());
    const Config& config = *fresh->config;
    auto tables = pipeline::settings_from(config);
    if (!tables) return keep(tables.error());
    auto hooks = webhooks_from(config);
    if (!hooks) return keep(hooks.error());
    if (auto ok = webhooks_->configure(std::move(*hooks)); !ok) return keep(ok.error());
    live_.put_in_force(*fresh);
    pipeline_->reload(std::move(*tables));
    platform_->limit(platform::limits_from(config));
    server_->limit(config.api.max_body_bytes, config.api.max_connections);
    log::notice("config.reloaded", "tables, limits and webhooks are in force");
    for (const auto& key : fresh->needs_restart)
      log::warning("config.restart_needed", "{} changes at the next start", key);
  }

  LiveConfig live_;
  const Arguments& arguments_;
  const Seams& seams_;
  std::atomic<std::int64_t> steps_{0};
  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  const ServiceNotify notify_ = ServiceNotify::from_environment();
  boost::asio::steady_timer alive_timer_{io_};
  std::unique_ptr<LegalClock> clock_;
  std::unique_ptr<store::Store> store_;
  Lane verify_lane_{"verify"};
  std::unique_ptr<platform::Platform> platform_;
  std::unique_ptr<keys::KeyHost> keys_;
  std::unique_ptr<events::Webhooks> webhooks_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<api::Server> server_;
  std::mutex hooks_mutex_;  // the store's writer thread calls on_commit
  bool hooks_open_ = false;
};

}  // namespace

int run_daemon(int argc, char** argv, const Seams& seams) {
  auto arguments = read_arguments(argc, argv);
  if (!arguments) {
    std::fprintf(stderr, "%s", kUsage);
    return 2;
  }
  if (arguments->help || arguments->version) {
    std::fputs(arguments->help ? kUsage : "taxgated " TAXGATE_VERSION "\n", stdout);
    return 0;
  }
  ::signal(SIGPIPE, SIG_IGN);
  quiet_protobuf();
  auto config = load_config(arguments->config);
  if (config && !arguments->lab_clock.empty())
    if (auto lab = apply_lab(*config, arguments->lab_clock); !lab) config = std::unexpected(lab.error());
  if (!config) {
    say(config.error());
    return kExitConfig;
  }
  if (arguments->check_only) {
    if (auto tables = pipeline::settings_from(*config); !tables) {
      say(tables.error());
      return kExitConfig;
    }
    std::fprintf(stdout, "%s: well-formed, channel %s, %zu taxpayer(s)\n", arguments->config.c_str(),
                 std::string(name(config->channel)).c_str(), config->taxpayers.size());
    return 0;
  }
  harden();
  Daemon daemon(std::move(*config), *arguments, seams);
  if (auto started = daemon.start(); !started) {
    say(started.error());
    return started.error().code == Errc::invalid_input ? kExitConfig : 1;
  }
  daemon.run();
  log::notice("daemon.stopped", "taxgated stopped");
  return 0;
}

}  // namespace taxgate::app
