// The file commands of a virtual key.
#include <algorithm>

#include "simulator/device/virtual_key.h"

namespace taxgate::simulator {
namespace gm = gmt0017;
namespace sw = gmt0017::sw;
namespace {

Bytes status(std::uint16_t s) { return gm::encode_response({}, s); }
Bytes ok(ByteView data = {}) { return gm::encode_response(data, sw::ok); }

std::vector<CardFile>::iterator find(CardApplication& app, std::string_view name) {
  return std::ranges::find_if(app.files, [&](const CardFile& f) { return f.info.name == name; });
}

}  // namespace

Bytes VirtualKey::enum_files(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  std::vector<std::string> names;
  for (const auto& file : app->files) names.push_back(file.info.name);
  return ok(gm::encode_names(names));
}

Bytes VirtualKey::create_file(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  if (!session_.logins.contains({in->app, gm::PinType::user})) return status(sw::no_rights);
  const auto info = gm::read_file_info(in->rest);
  if (!info || find(*app, info->name) != app->files.end()) return status(sw::bad_data);
  if (app->files.size() >= kMaxFiles || info->size > kCardSpace - std::min(kCardSpace, content_.file_bytes()))
    return status(sw::no_space);
  app->files.push_back({*info, Bytes(info->size)});
  return content_.save(state_path_) ? ok() : status(sw::memory);
}

Bytes VirtualKey::file_command(const gm::Command& c) {
  const auto in = gm::read_in_application(c.data);
  if (!in) return status(sw::wrong_length);
  CardApplication* app = opened(in->app);
  if (!app) return status(sw::no_reference);
  if (disk_ && as_text(in->rest) == kDiskFile)
    return c.ins == static_cast<std::uint8_t>(gm::Ins::get_file_info) ? disk_info() : status(sw::no_rights);
  const auto at = find(*app, as_text(in->rest));
  if (at == app->files.end()) return status(sw::no_file);
  if (c.ins == static_cast<std::uint8_t>(gm::Ins::get_file_info)) return ok(gm::encode_file_info(at->info));
  if (!allowed(in->app, at->info.write_rights)) return status(sw::no_rights);
  app->files.erase(at);
  return content_.save(state_path_) ? ok() : status(sw::memory);
}

Bytes VirtualKey::file_contents(const gm::Command& c) {
  const auto range = gm::read_file_range(c.data);
  if (!range) return status(sw::wrong_length);
  CardApplication* app = opened(range->app);
  if (!app) return status(sw::no_reference);
  if (disk_ && range->name == kDiskFile)
    return c.ins == static_cast<std::uint8_t>(gm::Ins::read_file) ? disk_range(*range) : status(sw::no_rights);
  const auto at = find(*app, range->name);
  if (at == app->files.end()) return status(sw::no_file);
  const bool write = c.ins == static_cast<std::uint8_t>(gm::Ins::write_file);
  if (!allowed(range->app, write ? at->info.write_rights : at->info.read_rights)) return status(sw::no_rights);
  const std::uint64_t end = std::uint64_t{range->offset} + range->count;
  if (end > at->data.size()) return status(sw::bad_offset);
  if (!write) return ok(ByteView(at->data).subspan(range->offset, range->count));
  if (range->data.size() != range->count) return status(sw::bad_data);
  std::ranges::copy(range->data, at->data.begin() + range->offset);
  return content_.save(state_path_) ? ok() : status(sw::memory);
}

}  // namespace taxgate::simulator
