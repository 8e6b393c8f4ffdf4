// Errors of the simulator.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kSimMessages[] = {
    {"sim.script", "The fault script cannot be read: {wanted}.", "故障脚本无法读取:{wanted}。",
     "Correct the member named; docs/simulator.md lists them all.",
     "请更正所示的成员;docs/simulator.md 列出全部成员。"},
    {"sim.seed", "The simulator cannot use {field}: {wanted}.", "模拟器无法使用 {field}:{wanted}。",
     "Correct the member named; docs/simulator.md shows the form.", "请更正所示的成员;格式见 docs/simulator.md。"},
    {"sim.promises", "The list of promises cannot be read at {field}: {wanted}.",
     "承诺清单在 {field} 处无法读取:{wanted}。", "Correct the member named; docs/simulator.md shows the form.",
     "请更正所示的成员;格式见 docs/simulator.md。"},
    {"sim.no_endpoint", "The simulator's control interface has no {wanted}.", "模拟器控制接口没有 {wanted}。",
     "docs/simulator.md lists the endpoints.", "接口清单见 docs/simulator.md。"},
    {"sim.unknown", "The virtual platform knows no invoice {wanted}.", "虚拟平台没有发票 {wanted}。", "Seed it first.",
     "请先导入该发票。"},
    {"sim.nothing_left", "Nothing is left to reverse of invoice {wanted}.", "发票 {wanted} 没有可红冲的金额。",
     "Give the lines of the form, or use another invoice.", "请给出明细行,或使用其他发票。"},
    {"sim.transition", "Form {wanted} is unknown or cannot take this state.",
     "红字确认单 {wanted} 不存在或不能变为该状态。",
     "Read the form's state; rules allow only the official transitions.",
     "请查询该红字确认单的状态;只允许官方的状态变化。"},
    {"sim.log_file", "The request log {wanted} cannot be written.", "请求日志 {wanted} 无法写入。",
     "Check the directory and its rights.", "请检查目录及其权限。"},
    {"sim.listen", "The virtual platform cannot listen on {wanted}.", "虚拟平台无法监听 {wanted}。",
     "Use port 0 or a free port.", "请使用端口 0 或其他空闲端口。"},
    {"sim.tls", "The virtual platform's certificates could not be made.", "虚拟平台的证书无法生成。",
     "Check the OpenSSL installation.", "请检查 OpenSSL 的安装。"},
    {"sim.key", "The simulated SM4 key must have 16 bytes.", "模拟的 SM4 密钥应为 16 字节。",
     "Leave it out to get a random one.", "可不填写,由模拟器随机生成。"},
    {"sim.key_ca", "The profile \"signed\" needs the certificate of the simulator's key authority.",
     "signed 模式需要模拟器密钥机构的证书。", "Give its DER file.", "请提供该证书的 DER 文件。"},
    {"sim.child_start", "A program of the laboratory did not start: {field}.", "实验环境的程序未能启动:{field}。",
     "Read its log, named beside this message.", "请查看该消息旁注明的日志。"},
    {"sim.answer", "A program of the laboratory gave an unreadable answer to {field}.",
     "实验环境的程序对 {field} 的应答无法读取。", "Read its log; build all programs of one version.",
     "请查看其日志;各程序须为同一版本。"},
    {"sim.demo", "The demonstration cannot go on: {field}.", "演示无法继续:{field}。",
     "Read the lines above; start it again.", "请查看上方的输出,然后重新运行。"},
};
const std::size_t kSimMessageCount = std::size(kSimMessages);

}  // namespace taxgate
