"""The compiled executor of scan plans, where liteorm-native is installed."""
