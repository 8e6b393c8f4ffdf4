// Errors of tax keys behind a vendor's SKF library (GM/T 0016).
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kSkfMessages[] = {
    {"skf.path", "The SKF library \"{wanted}\" is not named by an absolute path.",
     "SKF 接口库“{wanted}”未使用绝对路径。",
     "Write its whole path, beginning with \"/\", into keyd.toml and restart taxgate-keyd.",
     "请在 keyd.toml 中填写以“/”开头的完整路径,然后重启 taxgate-keyd。"},
    {"skf.missing", "The SKF library {wanted} cannot be opened: {left}.", "无法打开 SKF 接口库 {wanted}:{left}。",
     "Install the vendor's package, or correct the path under [[skf]] in keyd.toml.",
     "请安装厂商驱动包,或更正 keyd.toml 中 [[skf]] 的路径。"},
    {"skf.writable", "The SKF library {wanted} is not loaded: somebody else than root may change {left}.",
     "未加载 SKF 接口库 {wanted}:root 以外的用户可以修改 {left}。",
     "As root: chown root, chmod go-w on what is named; it is looked at again by itself.",
     "请以 root 身份对该文件或目录执行 chown root、chmod go-w;系统会自动重新检查。"},
    {"skf.elf", "The SKF library {wanted} is not made for this program ({left}).",
     "SKF 接口库 {wanted} 与本程序不匹配({left})。",
     "Ask the vendor for the 64-bit Linux library for this machine's processor.",
     "请向厂商索取适用于本机处理器的 64 位 Linux 接口库。"},
    {"skf.load", "The SKF library {wanted} cannot be loaded: {left}.", "无法加载 SKF 接口库 {wanted}:{left}。",
     "Install what it needs (ldd names it); if it wants writable code, see \"What an operator does\" in docs/skf.md.",
     "请安装其依赖(可用 ldd 查看);如其需要可写代码段,请参阅 docs/skf.md。"},
    {"skf.symbol", "The library {wanted} has no function {left}: it is no complete SKF library.",
     "库 {wanted} 缺少函数 {left},不是完整的 SKF 接口库。",
     "Name the vendor's GM/T 0016 library; it often stands beside a PKCS #11 one.",
     "请改用厂商的 GM/T 0016 接口库(常与 PKCS #11 库放在一起)。"},
    {"skf.abi", "The SKF library {wanted} lays out its data in a way we do not know ({left}); it is not used.",
     "SKF 接口库 {wanted} 的数据结构布局无法识别({left}),不予使用。",
     "Ask the vendor for a GM/T 0016 library for 64-bit Linux, and report the model and these words.",
     "请向厂商索取 64 位 Linux 的 GM/T 0016 接口库,并反馈型号及括号内文字。"},
    {"skf.devices", "The SKF library {wanted} cannot list its devices ({left}).",
     "SKF 接口库 {wanted} 无法列出设备({left})。",
     "Put the key in again and check that its udev rule and the unit let taxgate-keyd open it (docs/skf.md).",
     "请重新插入介质,并确认 udev 规则和服务单元允许 taxgate-keyd 打开设备(见 docs/skf.md)。"},
    {"skf.serial", "This key is {wanted}; keyd.toml wants the key {left} of this library.",
     "该介质序列号为 {wanted},keyd.toml 指定使用 {left}。", "Correct serial under [[skf]], or remove it.",
     "请更正或删除 [[skf]] 中的 serial。"},
    {"skf.crashed", "The SKF library {wanted} ended its process ({left}); other keys work on.",
     "SKF 接口库 {wanted} 导致其进程异常结束({left}),其他介质不受影响。",
     "It is started again by itself; if this repeats, ask the vendor for a newer library.",
     "系统会自动重新启动;如反复出现,请向厂商索取新版本接口库。"},
    {"skf.hung", "The SKF library {wanted} did not answer in time and was ended; other keys work on.",
     "SKF 接口库 {wanted} 未按时响应,已被终止,其他介质不受影响。",
     "It is started again by itself; if this repeats, put the key in again or ask the vendor for a newer library.",
     "系统会自动重新启动;如反复出现,请重新插入介质或向厂商索取新版本接口库。"},
};
const std::size_t kSkfMessageCount = std::size(kSkfMessages);

}  // namespace taxgate
