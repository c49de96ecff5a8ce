package main

// The examples of the commands, for --help and the man pages. Kong calls Help.

func (*pubCommand) Help() string {
	return `Examples:

    ssed pub /pets/dogs Corgi
    ssed pub --event new-dog /pets/dogs Corgi
    tail -F app.log | ssed pub /log`
}

func (*subCommand) Help() string {
	return `Examples:

    ssed sub /pets                                   # of the daemon on this machine
    ssed sub --since 5m https://example.org /pets    # of another daemon, with earlier messages
    ssed sub --json --count 3 /pets | jq -r .data`
}

func (*doctorCommand) Help() string {
	return `Examples:

    ssed doctor https://example.org /pets
    ssed doctor --publish tcp://127.0.0.1:8002 https://example.org /pets`
}

func (*topCommand) Help() string {
	return `Examples:

    ssed top
    ssed top --once http://localhost:8001`
}

func (*checkCommand) Help() string {
	return `Examples:

    ssed check --config ssed.toml`
}

func (*completionCommand) Help() string {
	return `Examples:

    source <(ssed completion bash)`
}
