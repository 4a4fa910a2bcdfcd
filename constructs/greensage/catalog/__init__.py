"""Facts as data: silicon, images, capabilities and limits, each with source, date and licence.

Reads JSON and nothing else: no AWS call, no CDK.
"""
