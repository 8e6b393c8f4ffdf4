// What the local API may ask about tax keys and do with them.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "daemon/pipeline/engine.h"
#include "daemon/pipeline/present.h"
#include "daemon/pipeline/replies.h"

namespace taxgate::pipeline {
asio::awaitable<std::vector<keys::KeyFacts>> Engine::keys_now() {
  auto asked = co_await answered<std::vector<keys::KeyFacts>>(context_.executor, [this](auto done) {
    parts_.keys->ask_keys(
        [done = std::move(done)](std::vector<keys::KeyFacts> list) mutable { done(std::move(list)); });
  });
  co_return asked ? std::move(*asked) : parts_.keys->keys();
}

api::v1::KeyInfo Engine::shown(const keys::KeyFacts& key) const {
  api::v1::KeyInfo out = present(key);
  disks_.describe(key, out);
  return out;
}

asio::awaitable<void> Engine::show_keys(api::Caller caller, Shared<api::v1::KeyList> reply) {
  const auto list = co_await keys_now();
  api::v1::KeyList out;
  out.set_channel(context_.settings->channel);
  out.set_key_host_connected(parts_.keys->connected());
  for (const auto& key : list)
    if (may_see(caller, key.taxpayer)) *out.add_keys() = shown(key);
  (*reply)(std::move(out));
}

void Engine::keys(api::Caller caller, api::Reply<api::v1::KeyList> reply) {
  asio::co_spawn(context_.executor,
                 show_keys(std::move(caller), std::make_shared<api::Reply<api::v1::KeyList>>(std::move(reply))),
                 asio::detached);
}

asio::awaitable<void> Engine::lend(api::Caller caller, keys::Lease lease, Shared<api::v1::KeyList> reply) {
  const auto list = co_await keys_now();
  const auto found = std::ranges::find(list, lease.serial, &keys::KeyFacts::serial);
  if (parts_.keys->connected() && (found == list.end() || !may_see(caller, found->taxpayer)))
    co_return reply_error(reply, {Errc::invalid_input, "key.not_found", "serial", lease.serial, {}, {}});
  const std::string taxpayer = found == list.end() ? std::string() : found->taxpayer;
  auto done = co_await answered<keys::KeyFacts>(context_.executor,
                                                [&](auto reply_to) { parts_.keys->lease(lease, std::move(reply_to)); });
  if (!done) co_return reply_error(reply, done.error());
  JournalRow note = lease.seconds > 0 ? row("key_leased", said("journal.lent", done->lease_until, lease.reason),
                                            lease.serial, caller.name)
                                      : row("key_released", verbatim(lease.reason), lease.serial, caller.name);
  note.taxpayer = taxpayer;
  auto stored = co_await answered<void>(context_.executor,
                                        [&](auto noted) { context_.store.note(std::move(note), std::move(noted)); });
  if (!stored) co_return reply_error(reply, stored.error());
  api::v1::KeyList out;
  out.set_channel(context_.settings->channel);
  out.set_key_host_connected(true);
  *out.add_keys() = shown(*done);
  (*reply)(std::move(out));
}

void Engine::lend_key(api::Caller caller, std::string serial, std::string action, api::v1::LeaseRequest request,
                      api::Reply<api::v1::KeyList> reply) {
  keys::Lease lease{.serial = std::move(serial), .holder = caller.name, .reason = request.reason(), .seconds = 0};
  if (action == "lease") {
    lease.seconds = request.seconds();
    if (lease.seconds == 0 || lease.reason.empty())
      return reply(std::unexpected(api::Findings{
          {Errc::invalid_input, "key.lease_request", lease.seconds == 0 ? "seconds" : "reason", "not empty", {}, {}}}));
  }
  asio::co_spawn(
      context_.executor,
      lend(std::move(caller), std::move(lease), std::make_shared<api::Reply<api::v1::KeyList>>(std::move(reply))),
      asio::detached);
}

}  // namespace taxgate::pipeline
