// An SKF library (GM/T 0016) of our own, for tests only and never installed: the layouts a vendor's may have, and a
// virtual device behind a socket (wire.h). Built once for each layout:
//   SKF_ULONG   the type of ULONG
//   SKF_PACK    1: packed structures, 8: the compiler's own padding
//   SKF_STRANGE DEVINFO has a member that no standard knows
//   SKF_PARTIAL there is no SKF_ECCSignData
// The file `fault` beside the library, "KIND FUNCTION", makes that function fail: hang, crash, exit, or answer a SAR
// code (hexadecimal).
#include <dirent.h>
#include <dlfcn.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/skf/wire.h"

namespace {

using taxgate::tests::skf_wire::Op;

using ULONG = SKF_ULONG;
using BYTE = unsigned char;
constexpr ULONG kOk = 0, kFail = 0x0A000001, kHandle = 0x0A000005, kSmall = 0x0A000020, kRemoved = 0x0A000023;

#pragma pack(push, SKF_PACK)
struct DevInfo {
  BYTE version[2];
  char manufacturer[64], issuer[64], label[32], serial[32];
  BYTE hardware[2], firmware[2];
#ifdef SKF_STRANGE
  char model[96];
#endif
  ULONG symmetric, asymmetric, hash, auth, total, free, most_ecc, most;
  BYTE reserved[64];
};
struct PublicKeyBlob {
  ULONG bits;
  BYTE x[64], y[64];
};
struct SignatureBlob {
  BYTE r[64], s[64];
};
#pragma pack(pop)

struct Device {
  int socket;
};
struct Application {
  Device* device;
  std::string id;
};
struct Container {
  Device* device;
  std::string id;  // application ‖ container
};

std::string directory() {
  Dl_info info{};
  ::dladdr(reinterpret_cast<void*>(&directory), &info);
  const std::string path = info.dli_fname;
  return path.substr(0, path.find_last_of('/'));
}

ULONG fault(const char* function) {
  std::FILE* file = std::fopen((directory() + "/fault").c_str(), "re");
  if (!file) return kOk;
  char kind[32] = "", where[64] = "";
  const int read = std::fscanf(file, "%31s %63s", kind, where);
  std::fclose(file);
  if (read != 2 || std::strcmp(where, function) != 0) return kOk;
  const std::string what = kind;
  if (what == "hang")
    for (;;) ::pause();
  if (what == "crash") {
    ::signal(SIGSEGV, SIG_DFL);  // not a report of whatever watches the program, but its end
    ::raise(SIGSEGV);
  }
  if (what == "exit") ::_exit(3);
  return static_cast<ULONG>(std::strtoul(kind, nullptr, 16));
}

bool all(int fd, void* bytes, std::size_t size, bool out) {
  for (auto* at = static_cast<char*>(bytes); size > 0;) {
    const ssize_t n = out ? ::send(fd, at, size, MSG_NOSIGNAL) : ::recv(fd, at, size, 0);
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

ULONG ask(Device* device, Op op, std::string data, std::string& answer) {
  if (!device) return kHandle;
  std::uint32_t head[2] = {0, static_cast<std::uint32_t>(data.size())};
  std::string request(1, static_cast<char>(op));
  request.append(reinterpret_cast<char*>(&head[1]), 4).append(data);
  if (!all(device->socket, request.data(), request.size(), true)) return kRemoved;
  if (!all(device->socket, head, sizeof head, false)) return kRemoved;
  answer.resize(head[1]);
  if (!all(device->socket, answer.data(), answer.size(), false)) return kRemoved;
  return static_cast<ULONG>(head[0]);
}

int dial(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = directory() + "/devices/" + name;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

ULONG give(const std::string& value, void* into, ULONG* size) {
  if (into && *size < value.size()) {
    *size = static_cast<ULONG>(value.size());
    return kSmall;
  }
  if (into) std::memcpy(into, value.data(), value.size());
  *size = static_cast<ULONG>(value.size());
  return kOk;
}

ULONG list(Device* device, Op op, const std::string& data, void* into, ULONG* size) {
  std::string names;
  if (const ULONG sar = ask(device, op, data, names); sar != kOk) return sar;
  return give(names + '\0', into, size);
}

}  // namespace

#define SKF_API extern "C" __attribute__((visibility("default"))) ULONG
#define SKF_MAY_FAIL(name) \
  if (const ULONG sar = fault(name); sar != kOk) return sar

SKF_API SKF_EnumDev(int, char* into, ULONG* size) {
  SKF_MAY_FAIL("SKF_EnumDev");
  std::string names;
  if (DIR* devices = ::opendir((directory() + "/devices").c_str())) {
    while (const dirent* entry = ::readdir(devices))
      if (entry->d_name[0] != '.') names += std::string(entry->d_name) + '\0';
    ::closedir(devices);
  }
  return give(names + '\0', into, size);
}

SKF_API SKF_ConnectDev(char* name, Device** device) {
  SKF_MAY_FAIL("SKF_ConnectDev");
  const int fd = dial(name);
  if (fd < 0) return kRemoved;
  *device = new Device{fd};
  return kOk;
}

SKF_API SKF_DisConnectDev(Device* device) {
  SKF_MAY_FAIL("SKF_DisConnectDev");
  ::close(device->socket);
  delete device;
  return kOk;
}

SKF_API SKF_GetDevInfo(Device* device, DevInfo* into) {
  SKF_MAY_FAIL("SKF_GetDevInfo");
  std::string texts;
  if (const ULONG sar = ask(device, Op::info, {}, texts); sar != kOk) return sar;
  DevInfo info{};
  info.version[0] = 1;
  std::size_t at = 0;
  const auto next = [&](char* field, std::size_t most) {
    const std::size_t end = texts.find('\0', at);
    texts.copy(field, most, at);
    if (end != std::string::npos && end - at < most) field[end - at] = '\0';
    at = end == std::string::npos ? texts.size() : end + 1;
  };
  next(info.manufacturer, sizeof info.manufacturer);
  next(info.issuer, sizeof info.issuer);
  next(info.label, sizeof info.label);
  next(info.serial, sizeof info.serial);
  info.symmetric = 0x00000401, info.asymmetric = 0x00020200, info.hash = 0x00000001, info.auth = 0x00000401;
  info.total = 65536, info.free = 60000, info.most_ecc = 1024, info.most = 2048;
  std::memcpy(into, &info, sizeof info);
  return kOk;
}

SKF_API SKF_EnumApplication(Device* device, char* into, ULONG* size) {
  SKF_MAY_FAIL("SKF_EnumApplication");
  return list(device, Op::applications, {}, into, size);
}

SKF_API SKF_OpenApplication(Device* device, char* name, Application** application) {
  SKF_MAY_FAIL("SKF_OpenApplication");
  std::string id;
  if (const ULONG sar = ask(device, Op::open_application, name, id); sar != kOk) return sar;
  *application = new Application{device, id};
  return kOk;
}

SKF_API SKF_CloseApplication(Application* application) {
  delete application;
  return kOk;
}

SKF_API SKF_GetPINInfo(Application* application, ULONG, ULONG* most, ULONG* left, int* initial) {
  SKF_MAY_FAIL("SKF_GetPINInfo");
  std::string counts;
  if (const ULONG sar = ask(application->device, Op::pin_info, application->id, counts); sar != kOk) return sar;
  *most = static_cast<BYTE>(counts[0]);
  *left = static_cast<BYTE>(counts[1]);
  *initial = 0;
  return kOk;
}

SKF_API SKF_VerifyPIN(Application* application, ULONG type, char* pin, ULONG* left) {
  SKF_MAY_FAIL("SKF_VerifyPIN");
  if (type != 1) return kFail;
  std::string count;
  const ULONG sar = ask(application->device, Op::verify_pin, application->id + pin, count);
  if (count.size() == 1) *left = static_cast<BYTE>(count[0]);
  return sar;
}

SKF_API SKF_EnumContainer(Application* application, char* into, ULONG* size) {
  SKF_MAY_FAIL("SKF_EnumContainer");
  return list(application->device, Op::containers, application->id, into, size);
}

SKF_API SKF_OpenContainer(Application* application, char* name, Container** container) {
  SKF_MAY_FAIL("SKF_OpenContainer");
  std::string id;
  if (const ULONG sar = ask(application->device, Op::open_container, application->id + name, id); sar != kOk)
    return sar;
  *container = new Container{application->device, application->id + id};
  return kOk;
}

SKF_API SKF_CloseContainer(Container* container) {
  delete container;
  return kOk;
}

SKF_API SKF_ExportCertificate(Container* container, int signing, BYTE* into, ULONG* size) {
  SKF_MAY_FAIL("SKF_ExportCertificate");
  if (signing != 1) return kFail;
  std::string der;
  if (const ULONG sar = ask(container->device, Op::certificate, container->id, der); sar != kOk) return sar;
  return give(der, into, size);
}

SKF_API SKF_ExportPublicKey(Container* container, int signing, BYTE* into, ULONG* size) {
  SKF_MAY_FAIL("SKF_ExportPublicKey");
  if (signing != 1) return kFail;
  std::string key;
  if (const ULONG sar = ask(container->device, Op::public_key, container->id, key); sar != kOk) return sar;
  PublicKeyBlob blob{};
  blob.bits = 256;
  key.copy(reinterpret_cast<char*>(blob.x) + 32, 32, 0);
  key.copy(reinterpret_cast<char*>(blob.y) + 32, 32, 32);
  return give(std::string(reinterpret_cast<char*>(&blob), sizeof blob), into, size);
}

#ifndef SKF_PARTIAL
SKF_API SKF_ECCSignData(Container* container, BYTE* data, ULONG size, SignatureBlob* into) {
  SKF_MAY_FAIL("SKF_ECCSignData");
  std::string signature;
  const ULONG sar =
      ask(container->device, Op::sign,
          container->id + std::string(reinterpret_cast<char*>(data), static_cast<std::size_t>(size)), signature);
  if (sar != kOk) return sar;
  SignatureBlob blob{};
  signature.copy(reinterpret_cast<char*>(blob.r) + 32, 32, 0);
  signature.copy(reinterpret_cast<char*>(blob.s) + 32, 32, 32);
  *into = blob;
  return kOk;
}
#endif
