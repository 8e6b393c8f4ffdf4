#include "cli/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace taxgate::cli {
namespace {

constexpr std::array kEverywhere{
    Option{"--socket", "PATH", "Unix socket of taxgated ($TAXGATE_SOCKET; default /run/taxgate/api.sock)",
           "taxgated 的 Unix 套接字($TAXGATE_SOCKET;默认 /run/taxgate/api.sock)"},
    Option{"--url", "URL", "http://127.0.0.1:PORT, or https://HOST:PORT of another machine ($TAXGATE_URL)",
           "用 http://127.0.0.1:端口 或另一台机器的 https://主机:端口 代替套接字($TAXGATE_URL)"},
    Option{"--token-file", "FILE", "token for http ($TAXGATE_TOKEN_FILE); a token is never an argument",
           "http 的令牌文件($TAXGATE_TOKEN_FILE);令牌不作为参数"},
    Option{"--certificate", "FILE", "our certificate for https, PEM ($TAXGATE_CERTIFICATE)",
           "https 的客户端证书,PEM($TAXGATE_CERTIFICATE)"},
    Option{"--private-key", "FILE", "its key ($TAXGATE_PRIVATE_KEY)", "该证书的私钥($TAXGATE_PRIVATE_KEY)"},
    Option{"--ca", "FILE", "who vouches for the server ($TAXGATE_CA; default: the system's)",
           "服务器证书的签发者($TAXGATE_CA;默认取系统信任库)"},
    Option{"--json", "", "answers as JSON, one value a line", "以 JSON 输出,每行一个"},
    Option{"--lang", "zh|en", "language (default: from LANG)", "语言(默认取自 LANG)"},
    Option{"--show-names", "", "natural persons' data in full", "完整显示自然人信息"},
    Option{"--help", "", "help on a command", "命令帮助"},
};

constexpr std::array<std::string_view, 0> kNone{};
constexpr std::array<std::string_view, 1> kId{"ID"}, kMaybeId{"[ID]"}, kFile{"FILE"}, kMaybeFile{"[FILE]"},
    kUuid{"UUID"}, kMaybeNumber{"[NUMBER]"}, kNumber{"NUMBER"}, kName{"NAME"}, kRun{"RUN"}, kKeyName{"KEY"};

constexpr Option kReason{"--reason", "TEXT", "why (submit: 01..04 or the official term)",
                         "原因(submit:01..04 或官方用语)"};
constexpr Option kKey{"--key", "KEY", "idempotency key; without it one is derived from the content",
                      "幂等键;省略时由内容导出"};
constexpr Option kTaxpayer{"--taxpayer", "ID", "taxpayer id", "纳税人识别号"};
constexpr Option kAfter{"--after", "CURSOR", "start after this cursor", "从此游标之后开始"};
constexpr Option kLimit{"--limit", "N", "at most so many", "最多条数"};
constexpr Option kWait{"--wait", "SECONDS", "wait this long for a final state", "等待最终状态的秒数"};
constexpr Option kOperator{"--operator", "NAME", "who asks for it", "经办人"};
constexpr Option kSubmissionOption{"--submission", "ID", "only this submission", "仅此提交"};

constexpr Option kEvidence{
    "--evidence", "[KIND=]FILE",
    "a paper that lies beside it, kept by its SHA-256, may be repeated (KIND default explanation)",
    "随附文件,仅保存其 SHA-256 摘要,可重复(种类默认 explanation)"};
constexpr Option kDeclare{"--declare", "NAME=VALUE",
                          "what only you know, e.g. performed=0.25 (docs/api.md), may be repeated",
                          "仅贵方知晓的情况,如 performed=0.25(见 docs/api.md),可重复"};
constexpr std::array kLease{
    Option{"--for", "TIME", "how long, e.g. 90s, 10m, 2h; at most 8h", "时长,如 90s、10m、2h;最长 8h"}, kReason};

constexpr std::array kSubmit{
    Option{"--seller", "ID", "seller's taxpayer id", "销售方纳税人识别号"},
    Option{"--blue", "NUMBER", "number of the blue invoice", "原蓝字发票号码"},
    kReason,
    Option{"--line", "N:quantity=Q|amount=A|total=T", "a part of blue line N, may be repeated; none: a full red",
           "蓝字发票第 N 行的一部分,可重复;省略则全额红冲"},
    Option{"--initiator", "seller|buyer", "which side we are (default seller)", "我方身份(默认销售方)"},
    Option{"--tax-device", "NUMBER", "device number, information table only", "税控设备编号(仅信息表)"},
    Option{"--codes", "CHANNEL", "whose codes the reason is in (default: the bureau's)",
           "原因代码所属渠道(默认税务局)"},
    Option{"--order", "TEXT", "order", "订单"},
    Option{"--contract", "TEXT", "contract", "合同"},
    Option{"--project", "TEXT", "project", "项目"},
    Option{"--org-unit", "TEXT", "organisational unit", "部门"},
    kOperator,
    Option{"--approver", "NAME", "who approved it", "审批人"},
    Option{"--planned-reissue", "TEXT", "what will be issued instead", "拟重开"},
    Option{"--replaces", "ID", "the submission this one replaces", "替代的提交"},
    kEvidence,
    kDeclare,
    kKey,
    kWait};
constexpr Option kSeller{"--seller", "ID", "seller's taxpayer id, where the file has none",
                         "销售方纳税人识别号(文件未写明时)"};
constexpr Option kInitiator{"--initiator", "seller|buyer", "which side we are (default seller)",
                            "我方身份(默认销售方)"};
constexpr Option kCodes{"--codes", "CHANNEL", "whose codes the reason is in (default: the bureau's)",
                        "原因代码所属渠道(默认税务局)"};
constexpr std::array kCheck{kSeller, kReason, kInitiator, kCodes, kEvidence, kDeclare};
constexpr std::array kRed{
    Option{"--from", "FILE", "many at once: JSON lines, CSV or xlsx (docs/cli.md has the columns)",
           "批量:JSON 行、CSV 或 xlsx(列名见 docs/cli.md)"},
    Option{"--filter", "TEXT", "many at once: blue invoices of the ledger, \"buyer=… from=… to=… product=… seller=…\"",
           "批量:按条件选取台账中的蓝字发票,\"buyer=… from=… to=… product=… seller=…\""},
    kReason,
    Option{"--line", "N:quantity=Q|amount=A|total=T[,reason=R]",
           "a part of blue line N, may be repeated; none: all that is left. With reasons of their own "
           "(share=0.3,reason=02) "
           "they become several documents, handed in one after the other",
           "蓝字发票第 N 行的一部分,可重复;省略则为全部余额。各行另列原因时(share=0.3,reason=02)分单依次办理"},
    Option{"--preview", "", "show the verdict and stop", "仅显示结论"},
    Option{"--yes", "", "ask no question", "不再询问"},
    Option{"--result", "FILE", "batch: result table, CSV or xlsx (default FILE.result.csv, red-result.csv)",
           "批量结果表,CSV 或 xlsx(默认 FILE.result.csv、red-result.csv)"},
    kEvidence,
    kDeclare,
    kSeller,
    kInitiator,
    kCodes,
    Option{"--tax-device", "NUMBER", "device number, information table only", "税控设备编号(仅信息表)"},
    Option{"--order", "TEXT", "order", "订单"},
    Option{"--contract", "TEXT", "contract", "合同"},
    Option{"--project", "TEXT", "project", "项目"},
    Option{"--org-unit", "TEXT", "organisational unit", "部门"},
    kOperator,
    kKey,
    kWait};
constexpr std::array kExportReds{
    Option{"--month", "YYYY-MM", "month in which the reds were issued", "红字发票的开票月份"},
    Option{"--out", "FILE", "a new file, .csv or .xlsx (default: CSV on stdout)", "新文件,.csv 或 .xlsx(默认输出 CSV)"},
    kTaxpayer};
constexpr std::array kProof{Option{"--to", "DIR", "write the evidence and proof.txt into this new or empty directory",
                                   "将凭据与 proof.txt 写入此新建或空的目录"}};
constexpr std::array kList{kTaxpayer,
                           Option{"--state", "STATE", "only this state", "仅此状态"},
                           Option{"--blue", "NUMBER", "number of the blue invoice", "原蓝字发票号码"},
                           kKey,
                           kAfter,
                           kLimit};
constexpr std::array kAct{kReason, kOperator, kKey};
constexpr std::array kResolve{
    Option{"--outcome", "adopt|not_arrived|close", "what the person found out", "人工核实的结果"},
    Option{"--form", "UUID", "adopt: the form on the platform", "adopt:平台上的确认单"}, kReason, kOperator, kKey};
constexpr std::array kApprove{Option{"--no", "", "refuse it", "不同意"}, kReason, kOperator, kKey};
constexpr std::array kHold{kTaxpayer, kReason, kOperator};
constexpr std::array kTaxpayerOnly{kTaxpayer};
constexpr std::array kWaitOnly{kWait};
constexpr std::array kEvents{Option{"--follow", "", "go on with new events until stopped", "持续输出新事件"}, kAfter,
                             kLimit, kSubmissionOption};
constexpr std::array kCallerAdd{
    Option{"--role", "ROLE", "submitter, approver, operator, auditor, admin; may be repeated",
           "角色,可重复:submitter approver operator auditor admin"},
    Option{"--taxpayer", "ID", "only for this taxpayer; may be repeated", "仅限此纳税人,可重复"},
    Option{"--uid", "N", "user id on the Unix socket", "Unix 套接字用户号"},
    Option{"--new-token", "FILE", "make a token and write it to this new file (0600)", "生成令牌并写入此新文件(0600)"},
    Option{"--certificate", "FILE", "client certificate (PEM) for mutual TLS", "双向 TLS 客户端证书(PEM)"}};
constexpr std::array kConfig{Option{"--taxgated", "PROGRAM", "the program that checks (default: beside this one)",
                                    "执行检查的程序(默认与本程序同目录)"}};

constexpr Option kAt{"--at", "TIME", "when: yyyy-MM-dd or yyyy-MM-dd HH:mm:ss (default: now)",
                     "时间:yyyy-MM-dd 或 yyyy-MM-dd HH:mm:ss(默认现在)"};
constexpr std::array kCredit{kTaxpayer,
                             Option{"--month", "YYYY-MM", "the month (default: the current one)", "月份(默认本月)"},
                             Option{"--amount", "A", "what issuing a blue invoice of this amount would meet",
                                    "试算开具此金额(不含税)的蓝字发票"},
                             Option{"--type", "FPLX", "its type (default 81)", "该发票的类型(默认 81)"},
                             Option{"--no-platform", "", "do not ask the platform for its figure", "不查询平台额度"}};
constexpr std::array kCreditFiled{
    kTaxpayer, Option{"--period", "YYYY-MM", "month whose return was filed and matched", "已申报并比对通过的所属期"},
    kAt, kReason};
constexpr std::array kCreditAdjust{
    kTaxpayer,
    Option{"--total", "AMOUNT", "the new total limit", "新的发票总额度"},
    Option{"--class", "I|II|III|IV", "initial grant of a new taxpayer, once", "新办纳税人初始授信类别(仅一次)"},
    Option{"--sheets", "N", "paper invoices picked up", "领用纸质发票份数"},
    Option{"--per-sheet", "AMOUNT", "limit of one picked-up sheet", "领用发票的单张限额"},
    Option{"--from", "TIME", "in force, or picked up, from", "生效或领用时间"},
    Option{"--until", "DAY", "last day of a short-term limit", "短期额度的最后一日"},
    Option{"--per-invoice", "AMOUNT", "highest amount of one tax-device invoice", "税控发票单张最高开票限额"},
    Option{"--monthly-count", "N", "tax-device invoices a month", "每月税控发票份数"},
    Option{"--result", "approved|applied|rejected|ex_officio",
           "of an application, or the bureau's own accord; approved (default) and ex_officio count",
           "申请结果或依职权调整;approved(默认)与 ex_officio 生效"},
    Option{"--short-term-type", "TEXT", "of an application with --until, as the bureau's page calls it",
           "短期调整类型(有 --until 的申请必填,按申请页面的名称)"},
    Option{"--evidence", "KIND=FILE",
           "beside an application, kept by its SHA-256, may be repeated: contract, asset_list, other",
           "申请附件,仅保存其 SHA-256 摘要,可重复:contract 合同、asset_list 资产清单、other 其他"},
    Option{"--reference", "NUMBER", "number of the application or pick-up", "申请或领用编号"},
    kReason};

constexpr std::array kSync{Option{"--dry-run", "", "print the plan: windows, calls, expected finish; touches nothing",
                                  "仅显示计划:范围、调用次数、预计完成时间;不做任何改动"},
                           Option{"--follow", "", "show the progress until it is over", "持续显示进度直至结束"},
                           kReason};
constexpr std::array kSyncShow{
    Option{"--html", "FILE", "the report as one file that opens offline", "将报告写成可离线打开的单个文件"}};
constexpr std::array kSyncCheck{
    Option{"--run", "COMMAND", "run by /bin/sh on an alarm, which it reads as JSON from standard input",
           "报警时由 /bin/sh 执行,从标准输入读取 JSON"},
    Option{"--template", "FILE",
           "the form of that JSON, with {code} {message} {message_zh} {remedy} {due} {run} {state}",
           "该 JSON 的模板,可用 {code} {message} {message_zh} {remedy} {due} {run} {state}"}};
constexpr std::array kSyncHistory{kAfter, kLimit};
constexpr std::array kSyncApprove{kReason};
constexpr std::array kPreflight{Option{"--config", "FILE", "of taxgated (default /etc/taxgate/taxgated.toml)",
                                       "taxgated 的配置(默认 /etc/taxgate/taxgated.toml)"}};
constexpr std::array kDoctor{Option{"--fix", "", "repair what is safe to repair", "修复可安全修复的问题"},
                             Option{"--config", "FILE", "of taxgated (default /etc/taxgate/taxgated.toml)",
                                    "taxgated 的配置(默认 /etc/taxgate/taxgated.toml)"},
                             Option{"--keyd-config", "FILE", "of taxgate-keyd (default /etc/taxgate/keyd.toml)",
                                    "taxgate-keyd 的配置(默认 /etc/taxgate/keyd.toml)"},
                             Option{"--root", "DIR", "look below DIR for /etc, /run, /sys, /dev and /usr",
                                    "在 DIR 下查找 /etc、/run、/sys、/dev、/usr"}};
constexpr std::array kSelftest{Option{"--seller", "ID", "seller's taxpayer id", "销售方纳税人识别号"},
                               Option{"--blue", "NUMBER", "a blue invoice made for testing", "用于测试的蓝字发票号码"},
                               kReason, kKey, kWait};

constexpr std::array kCommands{
    Command{{"submit", kMaybeFile, kSubmit},
            "hand in a red-letter submission: a JSON FILE (- for stdin) or flags",
            "提交红字申请:JSON 文件(- 为标准输入)或选项",
            run_submit},
    Command{{"check", kFile, kCheck},
            "what the rules say to every submission of a FILE; nothing is handed in. exit 0 all allowed, 1 some "
            "refused, 2 bad file",
            "试查文件中的全部申请,不提交;退出码 0 全部允许 1 有拒绝 2 文件有误",
            run_check},
    Command{{"red", kMaybeNumber, kRed},
            "red invoice step by step: what is left, which reasons fit, the verdict, one question; or many with "
            "--from, --filter",
            "逐步开具红字发票:余额、可选原因、结论、一次确认;或 --from、--filter 批量",
            run_red},
    Command{{"export reds", kNone, kExportReds},
            "the red invoices of a month as a table",
            "导出某月红字发票",
            run_export_reds},
    Command{{"list", kNone, kList}, "submissions", "提交列表", run_list},
    Command{{"show", kId, {}}, "one submission with its time line", "单个提交及时间线", run_show},
    Command{{"proof", kId, kProof},
            "who signed what: every signature with its evidence, verified now; exit 0 all verify, 1 not",
            "谁签署了什么:全部签名及凭据,当场验证;退出码 0 全部通过 1 未通过",
            run_proof},
    Command{{"watch", kId, kWaitOnly}, "follow one submission until it is final", "跟踪提交直至最终状态", run_watch},
    Command{{"inbox", kNone, kTaxpayerOnly}, "forms that wait for our answer", "待我方确认的确认单", run_inbox},
    Command{{"confirm", kUuid, kAct}, "confirm a form of the inbox", "确认收到的确认单", run_confirm},
    Command{{"deny", kUuid, kAct},
            "deny a form of the inbox, or the approval of a submission (with --reason)",
            "否认收到的确认单;或不同意待审批的提交(须写 --reason)",
            run_deny},
    Command{{"revoke", kUuid, kAct}, "revoke a form of ours", "撤销我方的确认单", run_revoke},
    Command{{"cancel", kId, kAct}, "withdraw a submission that was not sent", "取消未发送的提交", run_cancel},
    Command{{"retry", kId, kAct}, "try again what needs attention", "重试待人工处理的提交", run_retry},
    Command{{"resolve", kId, kResolve},
            "decide what became of an unknown outcome",
            "人工核实结果待核实的提交",
            run_resolve},
    Command{{"approve", kId, kApprove},
            "approve (or --no: refuse) a submission that waits for it",
            "审批(--no 为不同意)",
            run_approve},
    Command{{"hold", kMaybeId, kHold},
            "hold one submission, or a taxpayer's work with --taxpayer",
            "暂停提交,或用 --taxpayer 暂停纳税人",
            run_hold},
    Command{{"release", kMaybeId, kHold}, "release a hold", "解除暂停", run_release},
    Command{{"holds", kNone, {}}, "what is on hold", "暂停列表", run_holds},
    Command{{"keys", kNone, {}}, "tax keys and their state", "税务密钥及状态", run_keys},
    Command{{"keys lease", kKeyName, kLease},
            "give a key to another program for a while; its work waits or goes to another key",
            "将介质暂借给其他程序;业务等待或转由其他介质处理",
            run_keys_lease},
    Command{{"keys release", kKeyName, {}}, "take a lent key back", "收回借出的介质", run_keys_release},
    Command{{"import", kFile, {}},
            "blue invoices into the ledger: JSON, or one invoice a line (NDJSON)",
            "导入蓝字发票:JSON 或每行一张(NDJSON)",
            run_import},
    Command{{"invoice", kNumber, {}}, "an invoice of the ledger and its reds", "台账中的发票及其红字发票", run_invoice},
    Command{{"credit", kNone, kCredit},
            "the month's credit line and the movements that made it so",
            "本月发票总额度及其变动",
            run_credit},
    Command{{"credit filed", kNone, kCreditFiled},
            "record that a month's return was filed and matched",
            "记录某月已申报并比对通过",
            run_credit_filed},
    Command{{"credit adjust", kNone, kCreditAdjust},
            "record a limit, an application or picked-up paper",
            "记录额度调整、申请或领用纸质发票",
            run_credit_adjust},
    Command{
        {"sync", kNone, kSync},
        "begin a night now: the platform's status of every invoice. exit 0 right, 1 attention, 2 incomplete, 3 failed",
        "立即开始夜间同步:更新全部发票状态;退出码 0 正确 1 注意 2 未完成 3 失败",
        run_sync},
    Command{{"sync run", kNone, kSync}, "the same", "同上", run_sync},
    Command{{"sync status", kNone, {}},
            "the night under way, or the last one; exit codes as sync",
            "正在进行或最近一次的夜间同步;退出码同 sync",
            run_sync_status},
    Command{{"sync history", kNone, kSyncHistory}, "nights, the newest first", "夜间同步历史", run_sync_history},
    Command{{"sync show", kRun, kSyncShow},
            "the report of one night; exit codes as sync",
            "某次夜间同步的报告;退出码同 sync",
            run_sync_show},
    Command{{"sync preflight", kNone, kPreflight},
            "whether the coming night can be right, with remedies; exit 0 well, 1 attention, 2 failing",
            "检查下一次夜间同步的条件及处理办法;退出码 0 正常 1 注意 2 故障",
            run_sync_preflight},
    Command{{"sync audit", kNone, {}},
            "key host's log, journal and listing against each other; exit 0 no gap, 1 gaps, 2 log not read",
            "介质服务日志、本系统、平台清单三方核对;退出码 0 无缺口 1 有缺口 2 未读日志",
            run_sync_audit},
    Command{{"sync check", kNone, kSyncCheck},
            "for a timer after the window: was the night that was due made? exit 0 yes, 1 alarm, 3 its command failed",
            "供时段后的定时器使用:应做的夜间同步是否完成;退出码 0 是 1 报警 3 报警命令失败",
            run_sync_check},
    Command{{"sync approve", kRun, kSyncApprove},
            "go on with what that night held back",
            "确认并继续该次被暂缓的变更",
            run_sync_approve},
    Command{{"events", kNone, kEvents}, "what happened", "事件", run_events},
    Command{{"status", kNone, {}},
            "one screen; exit 0 well, 1 attention, 2 failing",
            "一屏概况;退出码 0 正常 1 待处理 2 故障",
            run_status},
    Command{{"caller add", kName, kCallerAdd}, "a named caller of the API", "新增调用方", run_caller_add},
    Command{{"caller list", kNone, {}}, "who may call", "调用方列表", run_caller_list},
    Command{{"caller remove", kName, {}}, "remove a caller", "删除调用方", run_caller_remove},
    Command{{"config check", kFile, kConfig},
            "check a configuration file of taxgated",
            "检查 taxgated 配置文件",
            run_config_check},
    Command{{"doctor", kNone, kDoctor},
            "what on this machine is wrong, and the remedy; exit 0 well, 1 attention, 2 failing",
            "检查本机问题及处理办法;退出码 0 正常 1 注意 2 故障",
            run_doctor},
    Command{{"selftest", kNone, kSelftest},
            "a test submission (simulator or sandbox): time and code of each step",
            "测试提交(仅模拟或沙箱):各步骤耗时与代码",
            run_selftest},
};

std::string usage_of(const Command& command) {
  std::string usage(command.syntax.command);
  for (const auto positional : command.syntax.positionals) usage += fmt::format(" {}", positional);
  return usage;
}

std::string options_text(const Screen& screen, std::span<const Option> options) {
  Grid grid;
  for (const auto& o : options)
    grid.add({o.value.empty() ? std::string(o.name) : fmt::format("{} {}", o.name, o.value),
              screen.pick(o.help, o.help_zh)});
  return grid.text({}, "  ");
}

}  // namespace

std::span<const Command> commands() { return kCommands; }
std::span<const Option> options_everywhere() { return kEverywhere; }

std::string help_text(const Screen& screen) {
  Grid grid;
  for (const auto& c : kCommands) grid.add({usage_of(c), screen.pick(c.help, c.help_zh)});
  return fmt::format("taxgate [{}] {} …\n\n{}\n{}\n{}", screen.pick("options", "选项"), screen.pick("COMMAND", "命令"),
                     grid.text({}, "  "), options_text(screen, kEverywhere),
                     screen.pick("exit: 0 done, 1 a person should look, 2 refused or bad usage, 3 daemon not reached "
                                 "or busy, 4 daemon in trouble\n",
                                 "退出码:0 完成,1 需人工查看,2 被拒绝或用法错误,3 无法连接或繁忙,4 守护进程故障\n"));
}

std::string help_text(const Screen& screen, const Command& command) {
  return fmt::format("taxgate {}\n{}\n{}", usage_of(command), screen.pick(command.help, command.help_zh),
                     options_text(screen, command.syntax.options));
}

}  // namespace taxgate::cli
