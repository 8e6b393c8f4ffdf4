// Errors of tax keys on USB and of the USB matching file.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kUsbMessages[] = {
    {"bot.format", "The USB device sent bytes that are no mass storage transport ({field} {wanted}).",
     "USB 设备返回的数据不符合海量存储传输协议({field} {wanted})。",
     "Put the key in again; if it stays so, try another port or cable.",
     "请重新插入介质;仍然如此时,请更换接口或连接线。"},
    {"usb.no_service", "USB devices cannot be watched on this machine.", "本机无法监视 USB 设备。",
     "Check that /sys is mounted and that the service may use AF_NETLINK; it is tried again by itself.",
     "请确认 /sys 已挂载,且服务允许使用 AF_NETLINK;系统会自动重试。"},
    {"usb.access", "taxgate-keyd may not open the USB device at port {wanted}.",
     "taxgate-keyd 没有权限打开 USB 接口 {wanted} 上的设备。",
     "Install the udev rules of this package, restart taxgate-keyd and put the key in again.",
     "请安装本软件包的 udev 规则,重启 taxgate-keyd,然后重新插入介质。"},
    {"usb.no_interface", "The device at USB port {wanted} has no Bulk-Only mass storage interface.",
     "USB 接口 {wanted} 上的设备没有 Bulk-Only 海量存储接口。",
     "Remove its entry from the USB matching file; a smart card reader is used through pcscd.",
     "请从 USB 匹配文件中删除该设备;智能卡读卡器请通过 pcscd 使用。"},
    {"usb.refused", "The USB device refused to pass a command on (sense {wanted}); it may not be a tax key.",
     "USB 设备拒绝转发命令(错误码 {wanted}),可能不是税务介质。",
     "Remove its entry from the USB matching file if it is not a tax key; otherwise report the code.",
     "如不是税务介质,请从 USB 匹配文件中删除;否则请反馈该错误码。"},
    {"usb.inquiry", "The USB device calls itself \"{wanted}\"; its entry wants \"{left}\".",
     "USB 设备自称“{wanted}”,匹配文件要求“{left}”。",
     "Correct inquiry_vendor or inquiry_product in the USB matching file.",
     "请更正 USB 匹配文件中的 inquiry_vendor 或 inquiry_product。"},
    {"usb.transfer_size", "A transfer of {wanted} bytes is too long for this device; at most {left} are.",
     "一次传输 {wanted} 字节,超出该设备上限 {left} 字节。",
     "Raise max_transfer in the USB matching file if the device can take more.",
     "如设备支持更大传输,请在 USB 匹配文件中增大 max_transfer。"},
    {"sim.umockdev", "The virtual USB bus cannot be set up.", "无法建立虚拟 USB 总线。",
     "Install the packages umockdev and libumockdev-dev.", "请安装软件包 umockdev 和 libumockdev-dev。"},
    {"sim.usb_port", "Port {field} of the virtual USB bus is taken or does not exist.",
     "虚拟 USB 总线的接口 {field} 已被占用或不存在。", "Choose another port.", "请改用其他接口。"},
    {"sim.usb_socket", "The socket {field} for a virtual machine's USB port cannot be opened.",
     "无法打开供虚拟机 USB 接口使用的套接字 {field}。",
     "Choose a shorter path in a directory that exists and may be written.", "请改用已存在、可写的目录中较短的路径。"},
    // ---- taxgate-sim attach: a virtual device in this machine's own kernel
    {"sim.vhci_missing", "This kernel has no virtual USB host controller yet ({field}).",
     "内核尚未提供虚拟 USB 主机控制器({field})。",
     "Run: modprobe vhci_hcd. Debian has the module in linux-image-amd64 (its cloud kernel has no USB at all), Ubuntu "
     "in "
     "linux-modules-extra. In a container, run it on the host.",
     "请运行 modprobe vhci_hcd。Debian 的 linux-image-amd64 含该模块(cloud 内核完全不支持 USB),Ubuntu 在 "
     "linux-modules-extra 中;容器中请在宿主机上运行。"},
    {"sim.vhci_rights", "Only root may attach a virtual USB device ({field}).",
     "只有 root 可以接入虚拟 USB 设备({field})。", "Run the command with sudo.", "请使用 sudo 运行。"},
    {"sim.vhci_full", "All {wanted} ports of the virtual USB host controller are taken.",
     "虚拟 USB 主机控制器的 {wanted} 个接口均已占用。", "End another taxgate-sim attach, or run: usbip detach -p PORT.",
     "请结束其他 taxgate-sim attach,或运行 usbip detach -p PORT。"},
    {"sim.vhci_status", "The virtual USB host controller's ports cannot be read from {field}.",
     "无法从 {field} 读取虚拟 USB 主机控制器的接口状态。", "Use a kernel of 4.13 or later.",
     "请使用 4.13 或更高版本的内核。"},
    {"sim.vhci_refused", "The kernel did not take the virtual USB device.", "内核未接受该虚拟 USB 设备。",
     "Read dmesg; unload and load the module vhci_hcd.", "请查看 dmesg,并重新加载 vhci_hcd 模块。"},
    {"sim.vhci_not_taken", "The kernel did not configure the virtual USB device on port {field} in time.",
     "内核未能及时配置接口 {field} 上的虚拟 USB 设备。", "Read dmesg; try it again.", "请查看 dmesg,然后重试。"},
    {"sim.vhci_socket", "No socket can be made for the virtual USB device.", "无法为虚拟 USB 设备创建套接字。",
     "Check the limit of open files (ulimit -n).", "请检查可打开文件数的限制(ulimit -n)。"},
    {"sim.vhci_let_go", "The kernel let go of the virtual USB device at {field}.",
     "内核已断开 {field} 处的虚拟 USB 设备。",
     "Start the command again, unless somebody detached it or unloaded vhci_hcd on purpose.",
     "如非人为断开或卸载 vhci_hcd,请重新运行该命令。"},
    {"sim.usbip_format", "The USB host sent a message that makes no sense ({field} {wanted}); the device is pulled.",
     "USB 主机发来的消息无法识别({field} {wanted}),设备已断开。", "Report it with the kernel's version.",
     "请连同内核版本一并反馈。"},
    {"sim.usbip_limit", "The USB host has more {field} under way than any driver needs; the device is pulled.",
     "USB 主机未完成的传输({field})过多,设备已断开。", "Look for the program that uses the device (lsof /dev/bus/usb).",
     "请查找正在使用该设备的程序(lsof /dev/bus/usb)。"},
};
const std::size_t kUsbMessageCount = std::size(kUsbMessages);

}  // namespace taxgate
