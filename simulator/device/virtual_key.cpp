#include "simulator/device/virtual_key.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <filesystem>

namespace taxgate::simulator {
namespace gm = gmt0017;
namespace sw = gmt0017::sw;
namespace {

constexpr std::uint32_t kMaxRandom = 256;                         // one vendor's cap: a host must not rely on more
constexpr std::uint32_t kRightsAdmin = 0x01, kRightsUser = 0x10;  // GM/T 0016 SECURE_ADM_ACCOUNT, SECURE_USER_ACCOUNT
constexpr std::uint32_t kSgdSm2 = 0x00020200, kSgdSm3 = 0x00000001, kSgdSm4 = 0x00000400;
constexpr std::uint8_t kContainerSm2 = 2;

Bytes status(std::uint16_t s) { return gm::encode_response({}, s); }
Bytes ok(ByteView data = {}) { return gm::encode_response(data, sw::ok); }

// Identifiers are positions + 1; applications and containers of a virtual key are never deleted.
gm::AppId id_of(std::size_t index) { return static_cast<gm::AppId>(index + 1); }

}  // namespace

VirtualKey::VirtualKey(std::string state_path, CardContent content)
    : state_path_(std::move(state_path)), content_(std::move(content)) {}

Result<std::unique_ptr<VirtualKey>> VirtualKey::open(const std::string& state_path, const KeyDefinition& definition,
                                                     const KeyAuthority& issuer) {
  const bool known = std::filesystem::exists(state_path);
  auto content = known ? CardContent::load(state_path) : CardContent::personalise(definition, issuer);
  if (!content) return std::unexpected(content.error());
  if (known && (content->serial != definition.serial || content->taxpayer != definition.taxpayer))
    return fail(Errc::corrupt, "sim.state_format", state_path, content->serial, definition.serial);
  if (!known)
    if (auto saved = content->save(state_path); !saved) return std::unexpected(saved.error());
  return std::unique_ptr<VirtualKey>(new VirtualKey(state_path, std::move(*content)));
}

Bytes VirtualKey::atr() {
  Bytes out{0x3B, 0x85, 0x01, 'T', 'G', 'S', 'I', 'M'};  // TD1 = T=1 only, so that extended lengths pass untouched
  std::uint8_t check = 0;                                // TCK: exclusive or of all bytes after TS
  for (std::size_t i = 1; i < out.size(); ++i) check ^= out[i];
  out.push_back(check);
  return out;
}

Bytes VirtualKey::process(ByteView apdu) {
  const std::lock_guard lock(mutex_);
  ++counters_.commands;
  const auto command = gm::read_command(apdu);
  if (!command) return status(sw::wrong_length);
  Bytes answer = dispatch(*command);
  // A host that asks for less than there is gets nothing: a cut-off certificate or list would look like a whole one.
  if (command->le && answer.size() - 2 > *command->le) return status(sw::wrong_length);
  return answer;
}

void VirtualKey::power_on() {
  const std::lock_guard lock(mutex_);
  session_ = {};
  ++counters_.power_ons;
}
void VirtualKey::power_off() {
  const std::lock_guard lock(mutex_);
  session_ = {};
}
void VirtualKey::reset() {
  const std::lock_guard lock(mutex_);
  session_ = {};
  ++counters_.resets;
}

Bytes VirtualKey::dispatch(const gm::Command& c) {
  if (c.cla != gm::kClaPlain) return status(sw::unknown_cla);
  switch (static_cast<gm::Ins>(c.ins)) {
    case gm::Ins::get_dev_info:
      return dev_info();
    case gm::Ins::set_label:
      return set_label(c);
    case gm::Ins::gen_random:
      return random(c);
    case gm::Ins::enum_application:
      return enum_applications();
    case gm::Ins::open_application:
      return open_application(c);
    case gm::Ins::close_application:
      return close_application(c);
    case gm::Ins::get_pin_info:
      return pin_info(c);
    case gm::Ins::verify_pin:
      return verify_pin(c);
    case gm::Ins::change_pin:
      return change_pin(c, false);
    case gm::Ins::unblock_pin:
      return change_pin(c, true);
    case gm::Ins::clear_secure_state:
      return clear_secure_state(c);
    case gm::Ins::enum_container:
      return enum_containers(c);
    case gm::Ins::open_container:
      return open_container(c);
    case gm::Ins::close_container:
      return close_container(c);
    case gm::Ins::get_container_info:
      return container_info(c);
    case gm::Ins::export_certificate:
    case gm::Ins::export_public_key:
      return export_from(c);
    case gm::Ins::ecc_sign_data:
      return sign(c);
    case gm::Ins::enum_file:
      return enum_files(c);
    case gm::Ins::create_file:
      return create_file(c);
    case gm::Ins::delete_file:
    case gm::Ins::get_file_info:
      return file_command(c);
    case gm::Ins::read_file:
    case gm::Ins::write_file:
      return file_contents(c);
    default:
      return status(gm::find_instruction(c.ins) ? sw::not_supported : sw::unknown_ins);
  }
}

Bytes VirtualKey::dev_info() const {
  gm::DevInfo info;
  info.struct_version = info.spec_version = 0x0100;
  info.manufacturer = "Taxgate simulator";
  info.issuer = "SIMULATED";
  info.label = content_.label;
  info.serial = content_.serial;
  info.hardware = info.firmware = 0x0100;
  info.symmetric = kSgdSm4;
  info.asymmetric = kSgdSm2;
  info.hash = kSgdSm3;
  info.auth_algorithm = kSgdSm4;
  info.total_space = kCardSpace;
  info.free_space = static_cast<std::uint32_t>(kCardSpace - std::min(kCardSpace, content_.file_bytes()));
  info.max_apdu = gm::kMaxData;
  info.max_containers = kMaxContainers;
  info.max_certificates = kMaxCertificates;
  info.max_files = kMaxFiles;
  return ok(gm::encode_dev_info(info));
}

Bytes VirtualKey::set_label(const gm::Command& c) {
  if (c.data.size() > 32) return status(sw::bad_data);
  content_.label = std::string(as_text(c.data));
  return content_.save(state_path_) ? ok() : status(sw::memory);
}

Bytes VirtualKey::random(const gm::Command& c) {
  if (!c.le || *c.le > kMaxRandom) return status(sw::wrong_length);
  Bytes out(*c.le);
  if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) return status(sw::memory);
  session_.challenge.reset();
  if (out.size() >= gm::kChallenge) {
    session_.challenge.emplace();
    std::copy_n(out.begin(), gm::kChallenge, session_.challenge->begin());
  }
  return ok(out);
}

Bytes VirtualKey::enum_applications() const {
  std::vector<std::string> names;
  for (const auto& app : content_.applications) names.push_back(app.name);
  return ok(gm::encode_names(names));
}

Bytes VirtualKey::open_application(const gm::Command& c) {
  for (std::size_t i = 0; i < content_.applications.size(); ++i) {
    if (content_.applications[i].name != as_text(c.data)) continue;
    session_.open_applications.insert(id_of(i));
    return ok(gm::encode_application({kRightsUser, kMaxContainers, kMaxCertificates, kMaxFiles, id_of(i)}));
  }
  return status(sw::no_app);
}

Bytes VirtualKey::close_application(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  if (!opened(in->app)) return status(sw::no_reference);
  session_.open_applications.erase(in->app);
  std::erase_if(session_.open_containers, [&](const auto& open) { return open.first == in->app; });
  std::erase_if(session_.logins, [&](const auto& login) { return login.first == in->app; });
  return ok();
}

Bytes VirtualKey::pin_info(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in || c.p2 > 1) return status(in ? sw::bad_p1p2 : sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  const CardPin& pin = c.p2 == 0 ? app->admin : app->user;
  return ok(gm::encode_pin_info({pin.max_tries, pin.tries_left, pin.initial}));
}

std::uint16_t VirtualKey::check_secret(CardPin& pin, ByteView proof) {
  if (pin.tries_left == 0) return sw::pin_locked;
  if (!session_.challenge) return sw::no_random;
  std::array<std::uint8_t, 16> block{};
  std::ranges::copy(*session_.challenge, block.begin());
  session_.challenge.reset();  // good for one attempt
  const auto expected = sm4_block_encrypt(pin.key, block);
  // The try is spent before the comparison, on disk: pulling the card or killing the simulator cannot save it.
  --pin.tries_left;
  if (!content_.save(state_path_)) {
    ++pin.tries_left;
    return sw::memory;
  }
  ++counters_.verify_attempts;
  if (CRYPTO_memcmp(expected.data(), proof.data(), expected.size()) != 0) {
    ++counters_.verify_failures;
    return gm::sw_tries_left(pin.tries_left);
  }
  pin.tries_left = pin.max_tries;
  return content_.save(state_path_) ? sw::ok : sw::memory;
}

Bytes VirtualKey::verify_pin(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in || in->rest.size() != 16) return status(sw::wrong_length);
  if (c.p2 > 1) return status(sw::bad_p1p2);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  const auto type = static_cast<gm::PinType>(c.p2);
  const auto result = check_secret(type == gm::PinType::admin ? app->admin : app->user, in->rest);
  if (result == sw::ok)
    session_.logins.insert({in->app, type});
  else
    session_.logins.erase({in->app, type});  // a failed attempt logs out
  return status(result);
}

Bytes VirtualKey::change_pin(const gm::Command& c, bool unblock) {
  const auto in = gm::read_in_application(c.data);
  if (!in || in->rest.size() != 32) return status(sw::wrong_length);
  if (c.p2 > 1) return status(sw::bad_p1p2);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  CardPin& target = unblock || c.p2 == 1 ? app->user : app->admin;
  CardPin& proving = unblock ? app->admin : target;
  if (const auto result = check_secret(proving, in->rest.first(16)); result != sw::ok) return status(result);
  target.key = sm4_block_decrypt(proving.key, in->rest.subspan(16));
  target.tries_left = target.max_tries;
  target.initial = false;
  return content_.save(state_path_) ? ok() : status(sw::memory);
}

Bytes VirtualKey::clear_secure_state(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  if (!opened(in->app)) return status(sw::no_reference);
  std::erase_if(session_.logins, [&](const auto& login) { return login.first == in->app; });
  return ok();
}

Bytes VirtualKey::enum_containers(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  std::vector<std::string> names;
  for (const auto& container : app->containers) names.push_back(container.name);
  return ok(gm::encode_names(names));
}

Bytes VirtualKey::open_container(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  for (std::size_t i = 0; i < app->containers.size(); ++i) {
    if (app->containers[i].name != as_text(in->rest)) continue;
    session_.open_containers.insert({in->app, id_of(i)});
    const auto id = id_of(i);
    return ok(Bytes{static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)});
  }
  return status(sw::no_such_container);
}

Bytes VirtualKey::close_container(const gm::Command& c) {
  const auto in = gm::read_in_container(c.data);
  if (!in) return status(sw::wrong_length);
  return session_.open_containers.erase({in->app, in->container}) == 1 ? ok() : status(sw::no_reference);
}

Bytes VirtualKey::container_info(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  const auto at = std::ranges::find(app->containers, as_text(in->rest), &CardContainer::name);
  if (at == app->containers.end()) return status(sw::no_such_container);
  gm::ContainerInfo info;
  info.type = kContainerSm2;
  info.sign_bits = gm::kSm2Bits;
  info.sign_key = true;
  info.sign_certificate = !at->certificate.empty();
  return ok(gm::encode_container_info(info));
}

Bytes VirtualKey::export_from(const gm::Command& c) {
  const auto in = gm::read_in_container(c.data);
  if (!in || !in->rest.empty()) return status(sw::wrong_length);
  const bool certificate = c.ins == static_cast<std::uint8_t>(gm::Ins::export_certificate);
  CardContainer* container = opened(in->app, in->container);
  if (!container) return status(sw::no_reference);
  if (c.p1 != static_cast<std::uint8_t>(gm::KeyUse::signing))  // a virtual key has no encryption pair
    return status(certificate ? sw::no_certificate : sw::no_key_pair);
  return ok(certificate ? gm::encode_certificate_der(container->certificate)
                        : gm::encode_public_key(container->key.public_key()));
}

Bytes VirtualKey::sign(const gm::Command& c) {
  const auto in = gm::read_in_container(c.data);
  if (!in) return status(sw::wrong_length);
  if (c.p1 != 0x02 || c.p2 != 0) return status(sw::bad_p1p2);  // only "the data is e" is simulated
  if (in->rest.size() != 32) return status(sw::bad_data);
  CardContainer* container = opened(in->app, in->container);
  if (!container) return status(sw::no_reference);
  if (!session_.logins.contains({in->app, gm::PinType::user})) return status(sw::no_rights);
  // The disk's code is the status word, as the 09 before it in sense data is all that SCSI adds.
  if (disk_)
    if (const auto good = disk_->may_sign(disk_clock_->now().ms); !good)
      return status(static_cast<std::uint16_t>(good.error().code << 8 | good.error().qualifier));
  Digest e;
  std::ranges::copy(in->rest, e.begin());
  Signature signature = container->key.sign(e);
  if (wrong_signatures_ > 0) {
    --wrong_signatures_;
    signature.back() ^= 0x01;
  }
  ++counters_.signatures;
  return ok(gm::encode_signature(signature));
}

CardApplication* VirtualKey::opened(gm::AppId app) {
  return session_.open_applications.contains(app) ? &content_.applications[app - 1U] : nullptr;
}
CardContainer* VirtualKey::opened(gm::AppId app, gm::ContainerId container) {
  CardApplication* in = opened(app);
  return in && session_.open_containers.contains({app, container}) ? &in->containers[container - 1U] : nullptr;
}
bool VirtualKey::allowed(gm::AppId app, std::uint32_t rights) const {
  if (rights == 0xFF) return true;  // SECURE_ANYONE_ACCOUNT
  return ((rights & kRightsUser) && session_.logins.contains({app, gm::PinType::user})) ||
         ((rights & kRightsAdmin) && session_.logins.contains({app, gm::PinType::admin}));
}

std::string VirtualKey::serial() const { return content_.serial; }
std::string VirtualKey::taxpayer() const { return content_.taxpayer; }
std::string VirtualKey::application() const { return content_.applications.front().name; }
std::string VirtualKey::container() const { return content_.applications.front().containers.front().name; }
Bytes VirtualKey::certificate() const { return content_.applications.front().containers.front().certificate; }

VirtualKey::PinState VirtualKey::user_pin() const {
  const std::lock_guard lock(mutex_);
  const CardPin& pin = content_.applications.front().user;
  return {pin.tries_left, pin.max_tries};
}
VirtualKey::Counters VirtualKey::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}
void VirtualKey::reset_counters() {
  const std::lock_guard lock(mutex_);
  counters_ = {};
}
void VirtualKey::corrupt_next_signatures(unsigned count) {
  const std::lock_guard lock(mutex_);
  wrong_signatures_ = count;
}
Result<void> VirtualKey::set_tries_left(unsigned tries_left) {
  const std::lock_guard lock(mutex_);
  CardPin& pin = content_.applications.front().user;
  pin.tries_left = static_cast<std::uint8_t>(std::min<unsigned>(tries_left, pin.max_tries));
  return content_.save(state_path_);
}

}  // namespace taxgate::simulator
