#include "drivers/gmt0017/gmt0017_key.h"

#include <optional>
#include <utility>

#include "drivers/gmt0017/card_session.h"
#include "drivers/gmt0017/disk_record.h"

namespace taxgate::gmt0017 {
namespace {

class Gmt0017Key final : public KeyDevice {
 public:
  Gmt0017Key(std::unique_ptr<ApduTransport> transport, KeyLocation location)
      : transport_(std::move(transport)), session_(*transport_), location_(std::move(location)) {}

  Result<KeyIdentity> identify() override {
    const auto info = session_.device_info();
    if (!info) return std::unexpected(info.error());
    if (auto selected = select(); !selected) return std::unexpected(selected.error());
    auto der = session_.certificate(app_, container_);
    if (!der) return std::unexpected(der.error());
    auto facts = read_certificate(*der);
    if (!facts) return std::unexpected(facts.error());
    const auto key = session_.public_key(app_, container_);
    if (!key) return std::unexpected(key.error());
    // A certificate of another key would make every signature worthless, and only the platform would notice.
    if (*key != facts->key) return fail(Errc::corrupt, "key.certificate_mismatch", {}, {}, {}, info->serial);
    certificate_ = *der;
    public_key_ = *key;
    return KeyIdentity{info->serial, info->label, info->manufacturer, std::move(*der), std::move(*facts)};
  }

  Result<PinStatus> state() override {
    const auto info = session_.pin_info(app_);
    if (info) return PinStatus{info->tries_left, info->max_tries};
    // GetPINInfo is not in every card; not to know the counter is an answer, not a failure.
    if (info.error().id == "key.card_refused") return PinStatus{};
    return std::unexpected(info.error());
  }

  Result<void> login(const SecretBytes& pin) override { return session_.verify_pin(app_, pin); }

  const Bytes& certificate() const override { return certificate_; }

  Result<Signature> sign(ByteView message, std::string_view signer_id, bool verify) override {
    if (!z_ || z_signer_ != signer_id) {
      z_ = sm2_z(signer_id, public_key_);
      z_signer_ = signer_id;
    }
    const Digest e = sm3_of({*z_, message});
    auto signature = session_.sign_digest(app_, container_, e);
    if (!signature || !verify) return signature;
    const auto good = sm2_verify(public_key_, e, *signature);
    if (!good) return std::unexpected(good.error());
    if (!*good) return fail(Errc::corrupt, "key.signature");
    return signature;
  }

  Result<std::optional<keyd::v1::TaxDisk>> disk() override {
    if (location_.disk_file.empty()) return std::nullopt;
    const auto info = session_.file_info(app_, location_.disk_file);
    // No such file, or no files at all: no tax disk.
    if (!info && (info.error().id == "key.no_application" || info.error().id == "key.card_refused"))
      return std::nullopt;
    if (!info) return std::unexpected(info.error());
    if (info->size > kMaxDiskRecord)
      return fail(Errc::corrupt, "key.disk_format", "size", std::to_string(info->size), std::to_string(kMaxDiskRecord));
    const auto bytes = session_.read_file(app_, location_.disk_file, info->size);
    if (!bytes) return std::unexpected(bytes.error());
    auto record = read_disk_record(*bytes);
    if (!record) return std::unexpected(record.error());
    return std::move(*record);
  }

  Result<void> reconnect() override {
    if (auto again = transport_->reconnect(); !again) return again;
    return select();
  }

 private:
  Result<void> select() {
    auto application = location_.application.empty() ? first(session_.applications(), "key.no_application")
                                                     : Result<std::string>(location_.application);
    if (!application) return std::unexpected(application.error());
    const auto app = session_.open_application(*application);
    if (!app) return std::unexpected(app.error());
    app_ = *app;
    auto container = location_.container.empty() ? first(session_.containers(app_), "key.no_container")
                                                 : Result<std::string>(location_.container);
    if (!container) return std::unexpected(container.error());
    const auto id = session_.open_container(app_, *container);
    if (!id) return std::unexpected(id.error());
    container_ = *id;
    return {};
  }

  static Result<std::string> first(Result<std::vector<std::string>> names, const char* none) {
    if (!names) return std::unexpected(names.error());
    if (names->empty()) return fail(Errc::rejected, none);
    return std::move(names->front());
  }

  std::unique_ptr<ApduTransport> transport_;
  CardSession session_;
  KeyLocation location_;
  AppId app_ = 0;
  ContainerId container_ = 0;
  Bytes certificate_;
  PublicKey public_key_{};
  std::optional<Digest> z_;  // Z depends on the signer id and the key only: computed once
  std::string z_signer_;
};

}  // namespace

std::unique_ptr<KeyDevice> make_key(std::unique_ptr<ApduTransport> transport, KeyLocation location) {
  return std::make_unique<Gmt0017Key>(std::move(transport), std::move(location));
}

}  // namespace taxgate::gmt0017
