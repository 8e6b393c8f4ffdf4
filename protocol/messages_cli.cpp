// Errors of the command line. Those of configuration files are with the room that reads them (daemon/core).
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kCliMessages[] = {
    {"cli.bad_answer", "The daemon's answer cannot be understood (HTTP {wanted}).",
     "无法识别守护进程的应答(HTTP {wanted})。",
     "Is this taxgated's socket, and are taxgate and taxgated of one version?",
     "请核对套接字是否属于 taxgated,以及两者版本是否一致。"},
    {"cli.certificate", "{wanted} is not a certificate in PEM form.", "{wanted} 不是 PEM 格式的证书。",
     "Name the client's certificate file, not its key.", "请指定客户端证书文件,而不是私钥。"},
    {"cli.extra_argument", "{field} takes no further argument: {wanted}.", "{field} 不接受多余的参数:{wanted}。",
     "See: taxgate help {field}", "请运行:taxgate help {field}"},
    {"cli.file_exists", "{wanted} exists already and is not overwritten.", "{wanted} 已存在,不会覆盖。",
     "Name a new file, or remove the old one.", "请指定新文件,或先删除旧文件。"},
    {"cli.line", "{wanted} does not name a part of a blue line.", "{wanted} 不是有效的明细部分。",
     "Write N:quantity=Q, N:amount=A or N:total=T, for example 1:quantity=150",
     "请写作 N:quantity=数量、N:amount=金额 或 N:total=价税合计,例如 1:quantity=150"},
    {"cli.missing_argument", "{field} needs {wanted}.", "{field} 缺少参数:{wanted}。", "See: taxgate help",
     "请运行:taxgate help"},
    {"cli.no_answer", "The request was sent to {wanted}, and no answer came.", "请求已发送至 {wanted},但没有收到应答。",
     "Give the same command again: the same content is one submission only.", "请重复同一命令:内容相同只算一次提交。"},
    {"cli.no_taxgated", "The program {wanted} could not be run.", "无法运行程序 {wanted}。",
     "Name it with --taxgated PROGRAM.", "请用 --taxgated 指定程序。"},
    {"cli.number", "{field} wants a whole number, not {wanted}.", "{field} 需要整数,而不是 {wanted}。", "", ""},
    {"cli.option_value", "The option {wanted} is not written correctly; its value: {left}.",
     "选项 {wanted} 写法有误;取值:{left}。", "See: taxgate help", "请运行:taxgate help"},
    {"cli.unknown_command", "There is no command {wanted}.", "没有命令 {wanted}。", "See: taxgate help",
     "请运行:taxgate help"},
    {"cli.unknown_option", "There is no option {wanted} here.", "此处没有选项 {wanted}。", "See: taxgate help {field}",
     "请运行:taxgate help {field}"},
    {"cli.unreachable", "taxgated does not answer at {wanted}. Nothing was sent.",
     "无法连接 taxgated({wanted})。没有发送任何内容。",
     "Is it running (systemctl status taxgated), is this its socket (--socket), and may this user open it?",
     "请检查:是否在运行(systemctl status taxgated)、套接字是否正确(--socket)、当前用户是否有权访问。"},
    {"cli.url", "{wanted} is not an address of this machine.", "{wanted} 不是本机地址。",
     "Write http://127.0.0.1:PORT; from elsewhere use the API with mutual TLS.",
     "请写作 http://127.0.0.1:端口;远程访问请使用双向 TLS 的接口。"},
};
const std::size_t kCliMessageCount = std::size(kCliMessages);

}  // namespace taxgate
