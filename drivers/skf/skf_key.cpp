#include "drivers/skf/skf_key.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "protocol/gmt0017.h"
#include "protocol/screen_text.h"

namespace taxgate::skf {
namespace {

constexpr std::size_t kShownName = 200;  // columns; a longer name is written byte by byte and stays unlike others

class SkfKey final : public KeyDevice {
 public:
  SkfKey(std::unique_ptr<Library> library, Word device, KeyPlace place)
      : library_(std::move(library)), device_(device), place_(std::move(place)) {}
  ~SkfKey() override {
    deselect();
    library_->disconnect(device_);
  }
  SkfKey(const SkfKey&) = delete;
  SkfKey& operator=(const SkfKey&) = delete;

  Result<KeyIdentity> identify() override {
    // First, because nothing else may be believed before the layout is known.
    const auto info = library_->device_info(device_);
    if (!info) return std::unexpected(info.error());
    if (!place_.serial.empty() && place_.serial != info->serial)
      return fail(Errc::rejected, "skf.serial", {}, info->serial, place_.serial);
    if (auto selected = select(); !selected) return std::unexpected(selected.error());
    auto der = library_->certificate(*container_);
    if (!der) return std::unexpected(der.error());
    auto facts = read_certificate(*der);
    if (!facts) return std::unexpected(facts.error());
    const auto blob = library_->public_key_blob(*container_);
    if (!blob) return std::unexpected(blob.error());
    auto key = read_public_key(*blob, info->abi);
    if (!key) {
      if (key.error().id == "skf.abi") key.error().wanted = place_.library;
      return std::unexpected(key.error());
    }
    // A certificate of another key would make every signature worthless, and only the platform would notice.
    if (*key != facts->key) return fail(Errc::corrupt, "key.certificate_mismatch", {}, {}, {}, info->serial);
    certificate_ = *der;
    public_key_ = *key;
    return KeyIdentity{info->serial, info->label, info->manufacturer, std::move(*der), std::move(*facts)};
  }

  Result<PinStatus> state() override {
    if (!application_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "state before identify");
    const auto tries = library_->pin_info(*application_);
    if (!tries) return std::unexpected(tries.error());
    return PinStatus{tries->left, tries->most};
  }

  Result<void> login(const SecretBytes& pin) override {
    if (!application_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "login before identify");
    // The function takes text that ends at a zero byte: a PIN with one inside would be presented cut off, and be wrong.
    if (pin.size() < gmt0017::kPinMin || pin.size() > gmt0017::kPinMax || std::ranges::count(pin.view(), 0) != 0)
      return fail(Errc::invalid_input, "key.pin_length");
    SecretBytes text(pin.size() + 1);
    std::ranges::copy(pin.view(), text.span().begin());
    text.span().back() = 0;
    return library_->verify_pin(*application_, text.span());
  }

  const Bytes& certificate() const override { return certificate_; }

  Result<Signature> sign(ByteView message, std::string_view signer_id, bool verify) override {
    if (!container_) return fail(Errc::retry_later, "key.reset", {}, {}, {}, "sign before identify");
    const Digest e = sm2_e(signer_id, public_key_, message);
    auto signature = library_->sign(*container_, e);
    if (!signature || !verify) return signature;
    const auto good = sm2_verify(public_key_, e, *signature);
    if (!good) return std::unexpected(good.error());
    if (!*good) return fail(Errc::corrupt, "key.signature");
    return signature;
  }

  Result<void> reconnect() override {
    deselect();
    return select();
  }

 private:
  Result<void> select() {
    const auto application = place_.application.empty() ? first(library_->applications(device_), "key.no_application")
                                                        : Result<std::string>(place_.application);
    if (!application) return std::unexpected(application.error());
    const auto opened = library_->open_application(device_, *application);
    if (!opened) return std::unexpected(opened.error());
    application_ = *opened;
    const auto container = place_.container.empty() ? first(library_->containers(*application_), "key.no_container")
                                                    : Result<std::string>(place_.container);
    if (!container) return std::unexpected(container.error());
    const auto inside = library_->open_container(*application_, *container);
    if (!inside) return std::unexpected(inside.error());
    container_ = *inside;
    return {};
  }

  void deselect() {
    if (container_) library_->close_container(*std::exchange(container_, std::nullopt));
    if (application_) library_->close_application(*std::exchange(application_, std::nullopt));
  }

  static Result<std::string> first(Result<std::vector<std::string>> names, const char* none) {
    if (!names) return std::unexpected(names.error());
    if (names->empty()) return fail(Errc::rejected, none);
    return std::move(names->front());
  }

  std::unique_ptr<Library> library_;
  Word device_;
  KeyPlace place_;
  std::optional<Word> application_, container_;
  Bytes certificate_;
  PublicKey public_key_{};
};

}  // namespace

std::string reader_prefix(const std::string& library) {
  return "SKF " + std::filesystem::path(library).filename().string();
}

std::string reader_name(const std::string& library, const std::string& device) {
  std::string shown = on_one_line(device, kShownName);
  if (shown != device) {
    shown.clear();
    for (const char c : device)
      shown +=
          c > ' ' && c < 0x7F && c != '%' ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return reader_prefix(library) + " " + shown;
}

Result<std::unique_ptr<KeyDevice>> open_key(const KeyPlace& place) {
  auto library = Library::load(place.library);
  if (!library) return std::unexpected(library.error());
  const auto devices = (*library)->devices();
  if (!devices) return std::unexpected(devices.error());
  for (const std::string& device : *devices) {
    if (reader_name(place.library, device) != place.reader) continue;
    const auto handle = (*library)->connect(device);
    if (!handle) return std::unexpected(handle.error());
    return std::make_unique<SkfKey>(std::move(*library), *handle, place);
  }
  return fail(Errc::device_gone, "key.gone", {}, {}, {}, "no device " + place.reader);
}

}  // namespace taxgate::skf
