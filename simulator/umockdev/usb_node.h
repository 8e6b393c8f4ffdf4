#pragma once
// The device node of one plugged device: a program's usbfs ioctls in, transfers of a VirtualUsb out. Private to
// simulator/umockdev.
//
// The node is a FIFO of one page: with a byte in it poll() finds it not writable, empty it is writable, which is how
// usbfs tells that a transfer ended.
#include <umockdev.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "simulator/device/virtual_usb.h"

namespace taxgate::simulator {

class UsbNode : public std::enable_shared_from_this<UsbNode> {
 public:
  /// `fifo`: the node's path; made here, removed by remove().
  static std::shared_ptr<UsbNode> create(const std::string& fifo, VirtualUsb& device);
  ~UsbNode();
  UsbNode(const UsbNode&) = delete;
  UsbNode& operator=(const UsbNode&) = delete;

  UMockdevIoctlBase* handler() { return handler_; }
  /// A transfer ended; from the device.
  void complete(UsbCompletion completion);
  /// Unplugged: every further call of a program says so. The device is not touched any more.
  void unplugged();
  void remove();

  std::uint64_t opens() const;
  std::uint64_t transfers() const;
  bool kernel_driver() const;

 private:
  struct Urb {
    UMockdevIoctlData* block = nullptr;   // struct usbdevfs_urb, owned
    UMockdevIoctlData* buffer = nullptr;  // borrowed from block
    gulong address = 0;                   // in the program
  };
  UsbNode(std::string fifo, int fd, VirtualUsb& device);
  static gboolean on_ioctl(UMockdevIoctlBase*, UMockdevIoctlClient* client, gpointer self);
  static void on_connected(UMockdevIoctlBase*, UMockdevIoctlClient* client, gpointer self);
  void handle(UMockdevIoctlClient* client);
  void submit(UMockdevIoctlClient* client);
  void discard(UMockdevIoctlClient* client);
  void reap(UMockdevIoctlClient* client);
  void newcomer();
  void signal_locked(bool writable);
  static void drop(Urb& urb);

  const std::string fifo_;
  const int fd_;
  UMockdevIoctlBase* handler_ = nullptr;

  mutable std::mutex mutex_;
  VirtualUsb* device_;  // null: unplugged
  std::map<std::uint64_t, Urb> flying_;
  std::deque<Urb> completed_;
  bool writable_ = true;
  std::uint64_t next_ = 1, opens_ = 0, transfers_ = 0;
  bool kernel_driver_ = true;
};

}  // namespace taxgate::simulator
