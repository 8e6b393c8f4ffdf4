#include "drivers/skf/library.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "daemon/core/library_file.h"

namespace taxgate::skf {
namespace {

static_assert(std::endian::native == std::endian::little && sizeof(void*) == sizeof(Word),
              "one slot for both widths of ULONG needs a little-endian 64-bit machine");

constexpr Word kTrue = 1, kUserPin = 1, kSigning = 1;
// Far more than any device has, and a bound on what a confused library may make us believe.
constexpr std::size_t kListRoom = 64 * 1024, kCertificateRoom = 16 * 1024, kBlobRoom = 4096;
constexpr std::size_t kMostNames = 64, kLongestName = 256;
constexpr Word kMostTries = 1000;  // more is no counter

// Every argument as a register of 64 bits, whose lower half is all that a library with narrow types looks at.
using Call1 = Word (*)(Word);
using Call2 = Word (*)(Word, void*);
using Call3 = Word (*)(Word, void*, void*);
using Connect = Word (*)(void*, void*);
using Verify = Word (*)(Word, Word, void*, void*);
using PinInfoCall = Word (*)(Word, Word, void*, void*, void*);
using Export = Word (*)(Word, Word, void*, void*);
using Sign = Word (*)(Word, const void*, Word, void*);

std::uint32_t sar(Word answer) { return static_cast<std::uint32_t>(answer); }  // the upper half may be anything

Result<void> done(std::uint32_t answer, Effect effect, std::string_view function) {
  if (answer == kOk) return {};
  return std::unexpected(sar_error(answer, effect, function));
}

std::unexpected<Error> unreadable(std::string_view function) {
  return fail(Errc::corrupt, "key.card_format", {}, {}, {}, std::string(function));
}

int tries(Word count) { return count <= kMostTries ? static_cast<int>(count) : -1; }

}  // namespace

struct Library::Functions {
  Call3 enum_dev, enum_application, enum_container, open_application, open_container;
  Connect connect_dev;
  Call1 disconnect_dev, close_application, close_container;
  Call2 get_dev_info;
  PinInfoCall get_pin_info;
  Verify verify_pin;
  Export export_certificate, export_public_key;
  Sign ecc_sign_data;
};

Library::Library(std::string path) : path_(std::move(path)), functions_(std::make_unique<Functions>()) {}

// It stays loaded: libraries with threads of their own do not survive being unloaded, and the process ends anyway.
Library::~Library() = default;

Result<std::unique_ptr<Library>> Library::load(const std::string& path) {
  const auto file = check_library_file(path);
  if (!file) return std::unexpected(file.error());
  std::unique_ptr<Library> library(new Library(path));
  library->handle_ = ::dlopen(file->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library->handle_) {
    const char* why = ::dlerror();
    return fail(Errc::invalid_input, "skf.load", "library", path, why ? why : "?");
  }
  Functions& all = *library->functions_;
  const char* missing = nullptr;
  const auto find = [&]<class F>(const char* name, F& into) {
    into = reinterpret_cast<F>(::dlsym(library->handle_, name));
    if (!into && !missing) missing = name;
  };
  find("SKF_EnumDev", all.enum_dev);
  find("SKF_ConnectDev", all.connect_dev);
  find("SKF_DisConnectDev", all.disconnect_dev);
  find("SKF_GetDevInfo", all.get_dev_info);
  find("SKF_EnumApplication", all.enum_application);
  find("SKF_OpenApplication", all.open_application);
  find("SKF_CloseApplication", all.close_application);
  find("SKF_GetPINInfo", all.get_pin_info);
  find("SKF_VerifyPIN", all.verify_pin);
  find("SKF_EnumContainer", all.enum_container);
  find("SKF_OpenContainer", all.open_container);
  find("SKF_CloseContainer", all.close_container);
  find("SKF_ExportCertificate", all.export_certificate);
  find("SKF_ExportPublicKey", all.export_public_key);
  find("SKF_ECCSignData", all.ecc_sign_data);
  if (missing) return fail(Errc::invalid_input, "skf.symbol", "library", path, missing);
  return library;
}

Result<std::vector<std::string>> Library::names(std::uint32_t answer, const Bytes& list, Word size,
                                                std::string_view function) {
  if (auto good = done(answer, Effect::reads, function); !good) return std::unexpected(good.error());
  if (size > list.size()) return unreadable(function);
  std::vector<std::string> found;
  // Some libraries count the last zero bytes and some do not; the list was zero before, so its end shows by itself.
  for (std::string_view rest = size == 0 ? std::string_view() : as_text(list); !rest.empty() && rest.front() != '\0';) {
    const auto end = rest.find('\0');
    if (end > kLongestName || found.size() == kMostNames) return unreadable(function);
    found.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return found;
}

Result<std::vector<std::string>> Library::devices() {
  Bytes list(kListRoom);
  Word size = list.size();
  const std::uint32_t answer = sar(functions_->enum_dev(kTrue, list.data(), &size));
  auto found = names(answer, list, size, "SKF_EnumDev");
  if (found) return found;
  if (found.error().id == "key.gone") return std::vector<std::string>{};
  return fail(Errc::rejected, "skf.devices", "library", path_, found.error().detail);
}

Result<Word> Library::connect(const std::string& device) {
  Word handle = 0;
  std::string name = device;
  const auto good = done(sar(functions_->connect_dev(name.data(), &handle)), Effect::reads, "SKF_ConnectDev");
  if (!good) return std::unexpected(good.error());
  return handle;
}

void Library::disconnect(Word device) { functions_->disconnect_dev(device); }

Result<DevInfo> Library::device_info(Word device) {
  std::array<Bytes, 2> rooms{Bytes(kDevInfoRoom, kFirstFill), Bytes(kDevInfoRoom, kSecondFill)};
  for (Bytes& room : rooms)
    if (auto good = done(sar(functions_->get_dev_info(device, room.data())), Effect::reads, "SKF_GetDevInfo"); !good)
      return std::unexpected(good.error());
  auto info = read_dev_info(rooms[0], rooms[1]);
  if (!info && info.error().id == "skf.abi") info.error().wanted = path_;
  return info;
}

Result<std::vector<std::string>> Library::applications(Word device) {
  Bytes list(kListRoom);
  Word size = list.size();
  const std::uint32_t answer = sar(functions_->enum_application(device, list.data(), &size));
  return names(answer, list, size, "SKF_EnumApplication");
}

Result<Word> Library::open_application(Word device, const std::string& name) {
  Word handle = 0;
  std::string copy = name;
  const auto good =
      done(sar(functions_->open_application(device, copy.data(), &handle)), Effect::reads, "SKF_OpenApplication");
  if (!good) return std::unexpected(good.error());
  return handle;
}

void Library::close_application(Word application) { functions_->close_application(application); }

Result<Library::Tries> Library::pin_info(Word application) {
  Word most = 0, left = 0, initial = 0;
  const std::uint32_t answer = sar(functions_->get_pin_info(application, kUserPin, &most, &left, &initial));
  // Not every library has it; not to know the counter is an answer.
  if (answer == kNotSupported) return Tries{};
  if (auto good = done(answer, Effect::reads, "SKF_GetPINInfo"); !good) return std::unexpected(good.error());
  return Tries{tries(left), tries(most)};
}

Result<void> Library::verify_pin(Word application, std::span<std::uint8_t> pin) {
  Word left = kMostTries + 1;  // one that says nothing leaves it so
  const std::uint32_t answer = sar(functions_->verify_pin(application, kUserPin, pin.data(), &left));
  if (answer == kAlreadyLoggedIn) return {};
  auto good = done(answer, Effect::acts, "SKF_VerifyPIN");
  if (!good && good.error().id == "key.pin_wrong") good.error().left = tries(left) < 0 ? "?" : std::to_string(left);
  return good;
}

Result<std::vector<std::string>> Library::containers(Word application) {
  Bytes list(kListRoom);
  Word size = list.size();
  const std::uint32_t answer = sar(functions_->enum_container(application, list.data(), &size));
  return names(answer, list, size, "SKF_EnumContainer");
}

Result<Word> Library::open_container(Word application, const std::string& name) {
  Word handle = 0;
  std::string copy = name;
  const auto good =
      done(sar(functions_->open_container(application, copy.data(), &handle)), Effect::reads, "SKF_OpenContainer");
  if (!good) return std::unexpected(good.error());
  return handle;
}

void Library::close_container(Word container) { functions_->close_container(container); }

Result<Bytes> Library::certificate(Word container) {
  Bytes der(kCertificateRoom);
  Word size = der.size();
  const auto good = done(sar(functions_->export_certificate(container, kSigning, der.data(), &size)), Effect::reads,
                         "SKF_ExportCertificate");
  if (!good) return std::unexpected(good.error());
  if (size > der.size()) return unreadable("SKF_ExportCertificate");
  if (size == 0) return fail(Errc::rejected, "key.no_certificate");
  der.resize(size);
  return der;
}

Result<Bytes> Library::public_key_blob(Word container) {
  Bytes blob(kBlobRoom);
  Word size = blob.size();
  const auto good = done(sar(functions_->export_public_key(container, kSigning, blob.data(), &size)), Effect::reads,
                         "SKF_ExportPublicKey");
  if (!good) return std::unexpected(good.error());
  if (size > blob.size()) return unreadable("SKF_ExportPublicKey");
  blob.resize(size);
  return blob;
}

Result<Signature> Library::sign(Word container, const Digest& digest) {
  Bytes blob(kBlobRoom);
  const auto good = done(sar(functions_->ecc_sign_data(container, digest.data(), digest.size(), blob.data())),
                         Effect::acts, "SKF_ECCSignData");
  if (!good) return std::unexpected(good.error());
  return read_signature(ByteView(blob).first(kSignatureBlob));
}

}  // namespace taxgate::skf
