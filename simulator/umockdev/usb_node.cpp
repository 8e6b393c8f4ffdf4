#include "simulator/umockdev/usb_node.h"

#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace taxgate::simulator {
namespace {

constexpr int kPage = 4096;
constexpr std::size_t kSetup = 8;  // a control transfer's buffer begins with it
constexpr std::uint32_t kCapabilities =
    USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;

int status_of(UsbEnd end) {
  switch (end) {
    case UsbEnd::ok:
      return 0;
    case UsbEnd::stalled:
      return -EPIPE;
    case UsbEnd::cancelled:
      return -ENOENT;
    case UsbEnd::gone:
      return -ESHUTDOWN;
  }
  return -EPROTO;
}

/// The structure an ioctl's argument points to. nullptr: the program is gone.
template <class T>
T* argument(UMockdevIoctlClient* client, UMockdevIoctlData** holder = nullptr) {
  UMockdevIoctlData* data = umockdev_ioctl_data_resolve(umockdev_ioctl_client_get_arg(client), 0, sizeof(T), nullptr);
  if (!data) return nullptr;
  if (holder) {
    *holder = data;  // the caller's reference
  } else {
    g_object_unref(data);  // the argument keeps one
  }
  return reinterpret_cast<T*>(data->data);
}

void answer(UMockdevIoctlClient* client, int error) { umockdev_ioctl_client_complete(client, error ? -1 : 0, error); }

}  // namespace

std::shared_ptr<UsbNode> UsbNode::create(const std::string& fifo, VirtualUsb& device) {
  ::unlink(fifo.c_str());
  if (::mkfifo(fifo.c_str(), 0600) != 0) return nullptr;
  const int fd = ::open(fifo.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || ::fcntl(fd, F_SETPIPE_SZ, kPage) < 0) {
    if (fd >= 0) ::close(fd);
    ::unlink(fifo.c_str());
    return nullptr;
  }
  auto node = std::shared_ptr<UsbNode>(new UsbNode(fifo, fd, device));
  {
    const std::lock_guard lock(node->mutex_);
    node->signal_locked(false);
  }
  // Each connection of the handler keeps the node: a program may hold it open long after it was unplugged.
  const auto keep = [&] { return new std::shared_ptr<UsbNode>(node); };
  const auto forget = [](gpointer data, GClosure*) { delete static_cast<std::shared_ptr<UsbNode>*>(data); };
  node->handler_ = umockdev_ioctl_base_new();
  g_signal_connect_data(node->handler_, "handle-ioctl", G_CALLBACK(&UsbNode::on_ioctl), keep(), forget,
                        GConnectFlags(0));
  g_signal_connect_data(node->handler_, "client-connected", G_CALLBACK(&UsbNode::on_connected), keep(), forget,
                        GConnectFlags(0));
  return node;
}

UsbNode::UsbNode(std::string fifo, int fd, VirtualUsb& device) : fifo_(std::move(fifo)), fd_(fd), device_(&device) {}

UsbNode::~UsbNode() {
  for (auto& [id, urb] : flying_) drop(urb);
  for (auto& urb : completed_) drop(urb);
  ::close(fd_);
}

void UsbNode::remove() {
  ::unlink(fifo_.c_str());
  if (handler_) g_object_unref(std::exchange(handler_, nullptr));
}

void UsbNode::drop(Urb& urb) {
  if (urb.buffer) g_object_unref(urb.buffer);
  if (urb.block) g_object_unref(urb.block);
  urb = {};
}

std::uint64_t UsbNode::opens() const {
  const std::lock_guard lock(mutex_);
  return opens_;
}
std::uint64_t UsbNode::transfers() const {
  const std::lock_guard lock(mutex_);
  return transfers_;
}
bool UsbNode::kernel_driver() const {
  const std::lock_guard lock(mutex_);
  return kernel_driver_;
}

void UsbNode::signal_locked(bool writable) {
  if (writable_ == writable) return;
  writable_ = writable;
  char byte = 0;
  if (writable)
    (void)!::read(fd_, &byte, 1);
  else
    (void)!::write(fd_, &byte, 1);
}

gboolean UsbNode::on_ioctl(UMockdevIoctlBase*, UMockdevIoctlClient* client, gpointer self) {
  (*static_cast<std::shared_ptr<UsbNode>*>(self))->handle(client);
  return TRUE;
}

void UsbNode::on_connected(UMockdevIoctlBase*, UMockdevIoctlClient*, gpointer self) {
  (*static_cast<std::shared_ptr<UsbNode>*>(self))->newcomer();
}

/// What a dead program had under way died with it, as the kernel would have it.
void UsbNode::newcomer() {
  VirtualUsb* device = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ++opens_;
    device = device_;
  }
  if (device) device->cancel_all();
  const std::lock_guard lock(mutex_);
  for (auto& urb : completed_) drop(urb);
  completed_.clear();
  signal_locked(false);
}

void UsbNode::unplugged() {
  const std::lock_guard lock(mutex_);
  device_ = nullptr;
}

void UsbNode::complete(UsbCompletion completion) {
  const std::lock_guard lock(mutex_);
  const auto at = flying_.find(completion.id);
  if (at == flying_.end()) return;
  Urb urb = at->second;
  flying_.erase(at);
  auto* block = reinterpret_cast<usbdevfs_urb*>(urb.block->data);
  block->status = status_of(completion.end);
  block->actual_length = static_cast<int>(completion.moved);
  if (urb.buffer && !completion.data.empty()) {
    const std::size_t start = block->type == USBDEVFS_URB_TYPE_CONTROL ? kSetup : 0;
    const std::size_t room = static_cast<std::size_t>(urb.buffer->data_len) - start;
    std::memcpy(urb.buffer->data + start, completion.data.data(), std::min(room, completion.data.size()));
  }
  completed_.push_back(urb);
  signal_locked(true);
}

void UsbNode::handle(UMockdevIoctlClient* client) {
  const gulong request = umockdev_ioctl_client_get_request(client);
  VirtualUsb* device = nullptr;
  {
    const std::lock_guard lock(mutex_);
    device = device_;
  }
  switch (request) {
    case USBDEVFS_REAPURB:
    case USBDEVFS_REAPURBNDELAY:
      return reap(client);
    case USBDEVFS_DISCARDURB:
      return discard(client);
    default:
      if (!device) return answer(client, ENODEV);
  }
  switch (request) {
    case USBDEVFS_SUBMITURB:
      return submit(client);
    case USBDEVFS_GET_CAPABILITIES:
      if (auto* value = argument<std::uint32_t>(client)) *value = kCapabilities;
      return answer(client, 0);
    case USBDEVFS_CLAIMINTERFACE:
    case USBDEVFS_DISCONNECT_CLAIM: {
      const std::lock_guard lock(mutex_);
      const bool disconnect = request == USBDEVFS_DISCONNECT_CLAIM;
      if (!disconnect && kernel_driver_) return answer(client, EBUSY);
      kernel_driver_ = false;
      return answer(client, 0);
    }
    case USBDEVFS_RELEASEINTERFACE:
    case USBDEVFS_SETINTERFACE:
    case USBDEVFS_SETCONFIGURATION:
      return answer(client, 0);
    case USBDEVFS_CLEAR_HALT:
    case USBDEVFS_RESETEP: {
      const auto* endpoint = argument<unsigned>(client);
      if (!endpoint) return answer(client, EFAULT);
      return answer(client, device->clear_halt(static_cast<std::uint8_t>(*endpoint)) ? 0 : ENODEV);
    }
    case USBDEVFS_RESET:
      return answer(client, device->reset() ? 0 : ENODEV);
    case USBDEVFS_GETDRIVER: {
      auto* driver = argument<usbdevfs_getdriver>(client);
      const std::lock_guard lock(mutex_);
      if (!driver || !kernel_driver_) return answer(client, ENODATA);
      std::strncpy(driver->driver, "usb-storage", sizeof driver->driver - 1);
      return answer(client, 0);
    }
    case USBDEVFS_IOCTL: {
      const auto* command = argument<usbdevfs_ioctl>(client);
      const std::lock_guard lock(mutex_);
      if (!command) return answer(client, EFAULT);
      if (command->ioctl_code == static_cast<int>(USBDEVFS_CONNECT)) kernel_driver_ = true;
      if (command->ioctl_code == static_cast<int>(USBDEVFS_DISCONNECT)) kernel_driver_ = false;
      return umockdev_ioctl_client_complete(client, 1, 0);  // one interface
    }
    default:
      return answer(client, ENOTTY);
  }
}

void UsbNode::submit(UMockdevIoctlClient* client) {
  Urb urb;
  auto* block = argument<usbdevfs_urb>(client, &urb.block);
  if (!block || block->buffer_length < 0) {
    drop(urb);
    return answer(client, EFAULT);
  }
  urb.address = urb.block->client_addr;
  const auto size = static_cast<std::size_t>(block->buffer_length);
  const bool control = block->type == USBDEVFS_URB_TYPE_CONTROL;
  if (size > 0) urb.buffer = umockdev_ioctl_data_resolve(urb.block, offsetof(usbdevfs_urb, buffer), size, nullptr);
  if ((control && size < kSetup) || (size > 0 && !urb.buffer)) {
    drop(urb);
    return answer(client, EINVAL);
  }
  UsbRequest request;
  const ByteView bytes(urb.buffer ? urb.buffer->data : nullptr, size);
  if (control) {
    std::copy_n(bytes.begin(), kSetup, request.setup.begin());
    request.length = size - kSetup;
  } else {
    request.endpoint = block->endpoint;
    if (block->endpoint & 0x80)
      request.length = size;
    else
      request.data.assign(bytes.begin(), bytes.end());
  }
  VirtualUsb* device = nullptr;
  {
    const std::lock_guard lock(mutex_);
    device = device_;
    request.id = next_++;
    ++transfers_;
    flying_[request.id] = urb;
  }
  const std::uint64_t id = request.id;
  // The completion may come before this returns; it is fetched by another ioctl in any case.
  const bool accepted = device && device->submit(std::move(request));
  if (!accepted) {
    const std::lock_guard lock(mutex_);
    if (const auto at = flying_.find(id); at != flying_.end()) {
      drop(at->second);
      flying_.erase(at);
    }
  }
  answer(client, accepted ? 0 : ENODEV);
}

void UsbNode::discard(UMockdevIoctlClient* client) {
  gulong address = 0;
  std::memcpy(&address, umockdev_ioctl_client_get_arg(client)->data, sizeof address);
  std::uint64_t id = 0;
  VirtualUsb* device = nullptr;
  {
    const std::lock_guard lock(mutex_);
    device = device_;
    for (const auto& [one, urb] : flying_)
      if (urb.address == address) id = one;
  }
  answer(client, id != 0 && device && device->cancel(id) ? 0 : EINVAL);
}

void UsbNode::reap(UMockdevIoctlClient* client) {
  Urb urb;
  bool here = false;
  {
    const std::lock_guard lock(mutex_);
    here = device_ != nullptr;
    if (!completed_.empty()) {
      urb = completed_.front();
      completed_.pop_front();
      if (completed_.empty()) signal_locked(false);
    }
  }
  if (!urb.block) return answer(client, here ? EAGAIN : ENODEV);
  UMockdevIoctlData* place = nullptr;
  if (!argument<gulong>(client, &place)) {
    drop(urb);
    return answer(client, EFAULT);
  }
  umockdev_ioctl_data_set_ptr(place, 0, urb.block);
  g_object_unref(place);
  answer(client, 0);
  drop(urb);
}

}  // namespace taxgate::simulator
