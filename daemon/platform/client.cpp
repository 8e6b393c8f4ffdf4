// From typed operations to HTTPS calls and back. What an answer means is decided here, in read_answer(); what became of
// a request that got none, in the transport.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "daemon/core/files.h"
#include "daemon/core/log.h"
#include "daemon/platform/gzip.h"
#include "daemon/platform/platform.h"

namespace taxgate::platform {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kSm4Key = 16;
constexpr std::size_t kSecretFile = 64;           // 32 digits and a line break; anything longer is no key
constexpr std::chrono::seconds kPauseWithout{5};  // 429 that names no time
constexpr std::chrono::seconds kPauseMax{600};    // a platform's slip must not stop us for a day
constexpr std::size_t kShownMessage = 300;        // of the platform's own words, in errors

/// What a call is to the platform: a query may be repeated, an act may not.
enum class Effect : std::uint8_t { none, changes };

template <class T>
struct Operation {
  std::string_view service;
  Effect effect;
  Result<T> (*decode)(std::string_view json);
  bool can_wait = false;  // the night's
};

template <class T>
constexpr bool kHasOutcome = requires(const T& t) { t.outcome.ok(); };

std::string shortened(std::string_view text) { return std::string(text.substr(0, kShownMessage)); }

Result<table::Row> decode_row(std::string_view json) {
  auto xml = leqi::read_table_json(json);
  if (!xml) return std::unexpected(xml.error());
  return table::read_upload_reply(*xml);
}

Result<table::DownloadReply> decode_rows(std::string_view json) {
  auto xml = leqi::read_table_json(json);
  if (!xml) return std::unexpected(xml.error());
  return table::read_download_reply(*xml);
}

Result<SecretBytes> read_key(const TaxpayerKey& of) {
  auto secret = read_secret(of.sm4_key_file, kSecretFile);
  if (!secret || secret->size() == kSm4Key) return secret;
  const auto wrong = fail(Errc::invalid_input, "platform.sm4_key", "taxpayer.sm4_key_file", of.sm4_key_file, "16");
  if (secret->size() != 2 * kSm4Key) return wrong;
  const auto digit = [](std::uint8_t c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  SecretBytes key(kSm4Key);
  for (std::size_t i = 0; i < kSm4Key; ++i) {
    const int high = digit(secret->view()[2 * i]), low = digit(secret->view()[2 * i + 1]);
    if (high < 0 || low < 0) return wrong;
    key.span()[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return key;
}

class Client final : public Platform {
 public:
  Client(std::unique_ptr<PlatformTransport> transport, PlatformSettings settings, const LegalClock& legal,
         std::map<std::string, SecretBytes, std::less<>> keys)
      : transport_(std::move(transport)), settings_(std::move(settings)), legal_(legal), keys_(std::move(keys)) {}

  void apply(SignedCall call, Reply<leqi::ApplyReply> reply) override {
    act<leqi::ApplyReply>({leqi::service::apply, Effect::changes, leqi::read_apply_reply}, std::move(call),
                          std::move(reply));
  }
  void answer(SignedCall call, Reply<leqi::ConfirmReply> reply) override {
    act<leqi::ConfirmReply>({leqi::service::confirm, Effect::changes, leqi::read_confirm_reply}, std::move(call),
                            std::move(reply));
  }
  void upload(SignedCall call, Reply<leqi::UploadReply> reply) override {
    act<leqi::UploadReply>({leqi::service::upload, Effect::changes, leqi::read_upload_reply}, std::move(call),
                           std::move(reply));
  }
  void upload_table(SignedCall call, Reply<table::Row> reply) override {
    act<table::Row>({leqi::service::table_upload, Effect::changes, decode_row}, std::move(call), std::move(reply));
  }
  void list(std::string taxpayer, leqi::ListRequest request, Reply<leqi::ListReply> reply) override {
    ask<leqi::ListReply>({leqi::service::list, Effect::none, leqi::read_list_reply}, taxpayer, leqi::list_json(request),
                         std::move(reply));
  }
  void detail(std::string taxpayer, leqi::DetailRequest request, Reply<leqi::DetailReply> reply) override {
    ask<leqi::DetailReply>({leqi::service::detail, Effect::none, leqi::read_detail_reply}, taxpayer,
                           leqi::detail_json(request), std::move(reply));
  }
  void upload_result(std::string taxpayer, leqi::UploadResultRequest request,
                     Reply<leqi::UploadResultReply> reply) override {
    ask<leqi::UploadResultReply>({leqi::service::upload_result, Effect::none, leqi::read_upload_result_reply}, taxpayer,
                                 leqi::upload_result_json(request), std::move(reply));
  }
  void invoice_status(std::string taxpayer, leqi::InvoiceStatusRequest request,
                      Reply<leqi::InvoiceStatusReply> reply) override {
    ask<leqi::InvoiceStatusReply>({leqi::service::invoice_status, Effect::none, leqi::read_invoice_status_reply},
                                  taxpayer, leqi::invoice_status_json(request), std::move(reply));
  }
  void credit(std::string taxpayer, leqi::CreditRequest request, Reply<leqi::CreditReply> reply) override {
    ask<leqi::CreditReply>({leqi::service::credit, Effect::none, leqi::read_credit_reply}, taxpayer,
                           leqi::credit_json(request), std::move(reply));
  }
  void download_tables(std::string taxpayer, table::DownloadRequest request,
                       Reply<table::DownloadReply> reply) override {
    const auto xml = table::download_xml(request);
    if (!xml) return reply(std::unexpected(xml.error()));
    ask<table::DownloadReply>({leqi::service::table_download, Effect::none, decode_rows}, taxpayer,
                              leqi::table_json(*xml), std::move(reply));
  }

  void bulk_apply(leqi::BulkApply request, Reply<leqi::BulkApplyReply> reply) override {
    ask<leqi::BulkApplyReply>({leqi::service::night_apply, Effect::none, leqi::read_bulk_apply_reply, true},
                              request.window.taxpayer, leqi::bulk_apply_json(request), std::move(reply));
  }
  void bulk_state(leqi::BulkStateRequest request, Reply<leqi::BulkStateReply> reply) override {
    ask<leqi::BulkStateReply>({leqi::service::night_state, Effect::none, leqi::read_bulk_state_reply, true},
                              request.taxpayer, leqi::bulk_state_json(request), std::move(reply));
  }
  void totals(leqi::Window window, Reply<leqi::TotalsReply> reply) override {
    ask<leqi::TotalsReply>({leqi::service::night_totals, Effect::none, leqi::read_totals_reply, true}, window.taxpayer,
                           leqi::totals_json(window), std::move(reply));
  }
  void package(leqi::PackageRequest request, Reply<SealedPage> reply) override {
    page(leqi::service::night_package, request.taxpayer, leqi::package_json(request), std::move(reply));
  }
  void changes(leqi::ChangesRequest request, Reply<SealedPage> reply) override {
    page(leqi::service::night_changes, request.window.taxpayer, leqi::changes_json(request), std::move(reply));
  }
  std::unique_ptr<wire::Sm4Decryptor> page_key(std::string_view taxpayer) const override {
    const auto key = keys_.find(taxpayer);
    if (key == keys_.end()) return nullptr;
    return std::make_unique<wire::Sm4Decryptor>(key->second.view().first<kSm4Key>());
  }
  std::int64_t calls_left_today() const override { return transport_->calls_left_today(); }

  void limit(const Limits& limits) override { transport_->limit(limits); }

  std::optional<std::int64_t> clock_ahead_s() const override { return clock_ahead_s_; }

  std::string state_line(Language language) const override {
    const bool zh = language == Language::chinese;
    const auto pick = [zh](const char* english, const char* chinese) { return zh ? chinese : english; };
    std::string out = !last_error_.empty()     ? pick("trouble: ", "异常:") + last_error_
                      : last_success_.is_set() ? pick("reachable", "可用")
                                               : pick("not asked yet", "尚未查询");
    if (const auto pause = paused_for(); pause.count() > 0)
      out += fmt::format(fmt::runtime(pick("; paused by the platform for {} s", ";平台要求暂停 {} 秒")), pause.count());
    return out + fmt::format(fmt::runtime(pick("; last answer {}; {} calls left in 24 h",
                                               ";最近应答 {};24 小时内剩余调用 {} 次")),
                             last_success_.is_set() ? last_success_.platform_text() : pick("never", "无"),
                             transport_->calls_left_today());
  }

 private:
  template <class T>
  void act(Operation<T> operation, SignedCall call, Reply<T> reply) {
    std::string signature;
    if (settings_.signed_profile && call.evidence != nullptr) signature = leqi::signature_value(*call.evidence);
    send(operation, call.taxpayer, call.body, std::move(signature), std::move(reply));
  }

  template <class T>
  void ask(Operation<T> operation, const std::string& taxpayer, const std::string& json, Reply<T> reply) {
    send(operation, taxpayer, json, {}, std::move(reply));
  }

  template <class T>
  void send(Operation<T> operation, const std::string& taxpayer, const std::string& json, std::string signature,
            Reply<T> reply) {
    const auto key = keys_.find(taxpayer);
    if (key == keys_.end()) return reply(fail(Errc::invalid_input, "platform.unknown_taxpayer", "taxpayer", taxpayer));
    if (const auto pause = paused_for(); pause.count() > 0)
      return reply(fail(Errc::retry_later, "platform.paused", {}, {}, std::to_string(pause.count())));
    auto body = leqi::seal(json, key->second.view());
    if (!body) return reply(std::unexpected(body.error()));

    HttpCall call = head(operation.service, taxpayer);
    call.can_wait = operation.can_wait;
    if (!signature.empty()) put(call, settings_.signature_header, std::move(signature));
    call.body = std::move(*body);
    call.repeatable = operation.effect == Effect::none;
    transport_->post(std::move(call), [self = std::weak_ptr<Client*>(self_), operation, taxpayer,
                                       reply = std::move(reply)](Result<HttpAnswer> answer) mutable {
      const auto alive = self.lock();
      if (!alive) return;  // the daemon is going down: nobody is left to be told
      Result<T> read = answer ? (*alive)->read_answer(operation, taxpayer, *answer) : std::unexpected(answer.error());
      if (!read && operation.effect == Effect::none && read.error().code == Errc::outcome_unknown)
        read.error().code = Errc::retry_later;
      (*alive)->remember(read ? nullptr : &read.error());
      reply(std::move(read));
    });
  }

  /// As send(), but what the answer holds is not looked into here.
  void page(std::string_view service, const std::string& taxpayer, const std::string& json, Reply<SealedPage> reply) {
    const auto key = keys_.find(taxpayer);
    if (key == keys_.end()) return reply(fail(Errc::invalid_input, "platform.unknown_taxpayer", "taxpayer", taxpayer));
    if (const auto wait = paused_for(); wait.count() > 0)
      return reply(fail(Errc::retry_later, "platform.paused", {}, {}, std::to_string(wait.count())));
    auto body = leqi::seal(json, key->second.view());
    if (!body) return reply(std::unexpected(body.error()));
    HttpCall call = head(service, taxpayer);
    call.body = std::move(*body);
    call.repeatable = call.can_wait = true;
    transport_->post(std::move(call), [self = std::weak_ptr<Client*>(self_),
                                       reply = std::move(reply)](Result<HttpAnswer> answer) mutable {
      const auto alive = self.lock();
      if (!alive) return;
      Result<SealedPage> got;
      if (!answer)
        got = std::unexpected(answer.error());
      else if (auto ok = (*alive)->well(*answer); !ok)
        got = std::unexpected(ok.error());
      else
        got = SealedPage{std::move(answer->body)};
      if (!got && got.error().code == Errc::outcome_unknown) got.error().code = Errc::retry_later;
      (*alive)->remember(got ? nullptr : &got.error());
      reply(std::move(got));
    });
  }

  HttpCall head(std::string_view service, const std::string& taxpayer) const {
    leqi::Call call;
    call.ability = settings_.ability;
    call.service = service;
    HttpCall out;
    out.target = leqi::call_path(call, settings_.sandbox);
    out.headers = {{"Content-Type", "text/plain; charset=utf-8"},
                   {"nlbm", settings_.ability},
                   {"fwbm", std::string(service)},
                   {"jrdwptbh", settings_.access_unit},
                   {"sydwptbh", settings_.using_unit.empty() ? taxpayer : settings_.using_unit},
                   {"access_signature", ""},  // sent empty by every client seen (rules.md C)
                   {"sxcsbz", settings_.sandbox ? "Y" : "N"}};
    if (settings_.sandbox && !settings_.test_case.empty()) out.headers.emplace_back("ylbm", settings_.test_case);
    return out;
  }

  /// The configured field may be one that is sent anyway ("access_signature").
  static void put(HttpCall& call, const std::string& name, std::string value) {
    const auto same = [&](const auto& header) {
      return std::ranges::equal(
          header.first, name, {}, [](char c) { return std::tolower(static_cast<unsigned char>(c)); },
          [](char c) { return std::tolower(static_cast<unsigned char>(c)); });
    };
    std::erase_if(call.headers, same);
    call.headers.emplace_back(name, std::move(value));
  }

  /// Neither turned away at the door nor an error of the server.
  Result<void> well(const HttpAnswer& answer) {
    const bool busy = answer.status == 429 || (answer.status == 503 && answer.retry_after_s);
    if (busy) {
      pause(answer.retry_after_s);
      return fail(Errc::retry_later, "platform.busy", {}, std::to_string(answer.status),
                  std::to_string(paused_for().count()));
    }
    if (answer.status != 200)
      return fail(Errc::outcome_unknown, "platform.http_status", {}, std::to_string(answer.status), "200");
    return {};
  }

  /// From a whole HTTP answer to the application's. Everything between "200 and readable" and "certainly turned away at
  /// the door" is outcome_unknown, also what looks like our own mistake (4xx): only the application knows what it
  /// booked.
  template <class T>
  Result<T> read_answer(const Operation<T>& operation, const std::string& taxpayer, const HttpAnswer& answer) {
    if (answer.date.is_set()) clock_ahead_s_ = (legal_.now().ms - answer.date.ms) / 1000;
    if (auto ok = well(answer); !ok) return std::unexpected(ok.error());
    const auto unreadable = [](const Error& why) {
      return fail(Errc::outcome_unknown, "platform.answer_unreadable", {}, {}, {},
                  why.id + (why.field.empty() ? "" : " " + why.field));
    };
    std::string plain;
    if (looks_gzipped(answer.body)) {
      auto inflated = gunzip(answer.body, kMaxAnswer);
      if (!inflated) return unreadable(inflated.error());
      plain = std::move(*inflated);
    }
    const auto envelope = leqi::read_reply(plain.empty() ? answer.body : plain, keys_.find(taxpayer)->second.view());
    if (!envelope) return unreadable(envelope.error());
    if (!envelope->error_code.empty())
      return fail(Errc::outcome_unknown, "platform.gateway", {}, shortened(envelope->error_code), {},
                  shortened(envelope->error_message));
    auto decoded = operation.decode(envelope->json);
    if (!decoded) return unreadable(decoded.error());
    if constexpr (kHasOutcome<T>) {
      if (operation.effect == Effect::changes && !decoded->outcome.ok())
        return fail(Errc::rejected, "platform.refused", {}, shortened(decoded->outcome.code), {},
                    shortened(decoded->outcome.message));
    }
    return decoded;
  }

  void pause(std::optional<std::int64_t> retry_after_s) {
    const auto wanted =
        retry_after_s ? std::chrono::seconds(std::min<std::int64_t>(*retry_after_s, kPauseMax.count())) : kPauseWithout;
    paused_until_ = std::max(paused_until_, Steady::now() + wanted);
    log::notice("platform.busy", "the platform asks for a pause of {} s", wanted.count());
  }

  std::chrono::seconds paused_for() const {
    return std::max(std::chrono::seconds(0), std::chrono::ceil<std::chrono::seconds>(paused_until_ - Steady::now()));
  }

  /// A "no" of the application is an answer: the platform is well.
  void remember(const Error* error) {
    if (error == nullptr || error->code == Errc::rejected) {
      if (!last_error_.empty()) log::notice("platform.reachable", "the platform answers again");
      last_error_.clear();
      last_success_ = legal_.now();
      return;
    }
    if (error->code == Errc::limit_reached) return;
    if (last_error_.empty()) log::write(log::Level::warning, *error);
    last_error_ = error->id;
  }

  const std::shared_ptr<Client*> self_ = std::make_shared<Client*>(this);  // replies under way outlive us weakly
  std::unique_ptr<PlatformTransport> transport_;
  const PlatformSettings settings_;
  const LegalClock& legal_;
  const std::map<std::string, SecretBytes, std::less<>> keys_;
  Steady::time_point paused_until_{};
  LegalTime last_success_;
  std::string last_error_;
  std::optional<std::int64_t> clock_ahead_s_;
};

}  // namespace

Result<std::unique_ptr<Platform>> make_platform(std::unique_ptr<PlatformTransport> transport,
                                                const PlatformSettings& settings, const LegalClock& legal) {
  std::map<std::string, SecretBytes, std::less<>> keys;
  for (const TaxpayerKey& of : settings.taxpayers) {
    auto key = read_key(of);
    if (!key) return std::unexpected(key.error());
    keys.insert_or_assign(of.taxpayer, std::move(*key));
  }
  return std::make_unique<Client>(std::move(transport), settings, legal, std::move(keys));
}

Result<std::unique_ptr<Platform>> make_platform(boost::asio::io_context& io, const PlatformSettings& settings,
                                                const LegalClock& legal) {
  auto transport = make_https_transport(io, settings);
  if (!transport) return std::unexpected(transport.error());
  return make_platform(std::move(*transport), settings, legal);
}

}  // namespace taxgate::platform
